//! What an attempt at a job does, and when the next one may follow.

pub(crate) mod converse;
pub(crate) mod error_text;
pub(crate) mod outcome;
mod received;
pub(crate) mod retry;
mod retry_after;
pub(crate) mod run_job;
pub(crate) mod send;
