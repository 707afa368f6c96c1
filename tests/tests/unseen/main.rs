//! Connections in a process where nobody sees them close.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod both_ways;
mod contexts;
mod pools;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod unseen;
