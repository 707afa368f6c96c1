//! What many WebSockets cost an exit, and what they leave behind: in a process of their own, whose
//! clock and descriptors nobody else uses.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bounds;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod storm;
#[path = "../websockets/support.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod support;

/// Held by the test that runs.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
