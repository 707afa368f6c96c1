//! What an attempt at one of the program's jobs does.

pub(crate) mod converse;
pub(crate) mod outcome;
mod received;
mod retry_after;
pub(crate) mod run_job;
pub(crate) mod send;
