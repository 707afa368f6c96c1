//! Servers that do their worst, over HTTP/2, HTTP/1.1 and WebSockets, in frames that are written by hand.
//!
//! Each row of a table is an attack. It is made twice ([`cell`]): on a request that is awaited, with a
//! second context beside it on the same runtime; and on one that is left to the exit of its context. Each
//! time memory is bounded by what the allocator counts, the exit is over in its time, the error is told,
//! the counts are those of the server, and the kernel has no socket left.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod cell;
mod h1;
mod h2;
mod peer;
mod row;
mod websocket;
