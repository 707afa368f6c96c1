//! Every future of the library, dropped at each of its awaits.
//!
//! A future is polled `n` times and dropped, for each `n` until it comes to its end; once right
//! after the last poll, and once when it was woken and not polled again. After each drop no context
//! is open, every request and body has ended once, nothing has leaked, and in the end neither the
//! server nor the kernel has a connection left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bodies;
mod children;
mod cut;
mod exit;
#[path = "../hostile/h2/frame.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod frame;
mod frames;
mod open;
mod pool;
mod requests;
mod rig;
mod uploads;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
