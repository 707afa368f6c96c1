//! WebSockets belong to their context. The server speaks the protocol by hand, and says what came,
//! and when a connection was gone.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod autobahn;
mod exits;
mod facts;
mod faults;
mod halves;
mod handshake;
mod heartbeat;
mod others;
mod plain;
mod pool;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod sending;
mod support;
