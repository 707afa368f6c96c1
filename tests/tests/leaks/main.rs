//! Leaks: found, explained, and not found where there are none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod attribute;
mod contexts;
mod kinds;
mod late;
mod no_false_alarm;
mod order;
mod panics;
mod policy;
mod progress;
mod snapshot;
mod support;
mod turn;
mod whole_process;
