//! Whatever a server, or a job, comes up with: memory and series stay bounded, and what ends a
//! response that does not end by itself is a clear error.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bodies;
mod heads;
mod redirects;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod series;
