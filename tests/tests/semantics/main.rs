//! The contract of contexts and sessions, row by row.
//!
//! Each module is a row, or a few that belong together; each test states a
//! fact that a user relies on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod after_exit;
mod apart;
mod building;
mod callers;
mod children;
mod closing;
mod errors;
mod exit_awaited;
mod exit_dropped;
mod extensions;
mod handed_on;
mod host_limit;
mod job;
mod job_binding;
mod lookup;
mod nested;
mod no_lock;
mod observers;
mod open;
mod options;
mod printed;
mod read_timeout;
mod recorder;
mod request_body;
mod request_info;
mod request_polls;
mod sdk_client;
mod session;
mod tls;
mod unset;
