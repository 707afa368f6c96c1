//! Redirects as a session follows them: what is sent where they lead, and that each hop is a request
//! on the same road as any other. The server says what came.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bodies;
mod connections;
mod credentials;
mod hosts;
mod policies;
mod refused;
mod resent;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
