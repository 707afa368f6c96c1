//! Connections that become something else than HTTP belong to their context. The server says what
//! came, and when a connection was gone.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod ends;
mod exported;
mod looked_at;
mod meddled;
mod pooled;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod support;
mod used;
mod web_sockets;
