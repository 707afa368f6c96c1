//! The worker as a library: job types of one's own, what their functions are given and return, and what
//! programs with a `main` of their own call.

#![allow(clippy::unwrap_used, reason = "tests")]

mod contexts;
mod failures;
mod grpc;
mod hooks;
mod kinds;
mod queues;
mod results;
#[cfg(feature = "cron")]
mod schedules;
mod services;
mod support;
