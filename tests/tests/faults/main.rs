//! Every fault that a request can meet, over each protocol, awaited and cancelled in the middle.
//!
//! [`table`] is the list: a row is a fault, its columns say what is exported of it. [`families`] runs
//! it; [`cell`] runs one cell and holds it to what is true of all of them: the error is the right one
//! and comes in its time, each request ends once, what is exported of connections is what was
//! accepted, and nothing is left: no leak, no socket, no open context. The other modules set the
//! faults up, one for each family; whatever has a moment waits at it, so that nothing here depends on
//! time but time limits.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(
    clippy::async_yields_async,
    reason = "what is done before a request gives what still goes on beside it"
)]

mod cell;
mod connecting;
mod cue;
mod disconnects;
mod families;
mod handshakes;
mod http2;
mod names;
mod peer;
mod proxies;
mod responses;
mod reuse;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod scene;
mod sessions;
mod table;
mod uploads;
