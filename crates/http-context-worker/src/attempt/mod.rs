//! What an attempt at a job does, and when the next one may follow.

pub(crate) mod retry;
mod retry_after;
pub(crate) mod send;
