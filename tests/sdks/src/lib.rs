//! What the SDKs run against, and what their reports are held against.
//!
//! A [`Server`] serves an [`axum::Router`] that a test makes, and counts what comes and goes: connections,
//! requests, bodies, and what goes over connections that were upgraded. [`accounted`] holds the report of
//! a context against that.

mod account;
mod counts;
mod io;
mod server;

pub use account::{BoxError, EXIT, accounted, caused_by, impatient, leak_at};
pub use counts::Counts;
pub use server::Server;
