//! What is exported of connections, held against the wire.
//!
//! Who closed a connection, when, and how many requests it carried is what no library knows from
//! its own books. Two witnesses do: a capture of the loopback interface ([`Capture`]), which needs
//! `tcpdump` and root, and the test server, which notes who closed first. [`bounds`] says how close
//! to them what is exported has to be. [`faults`] holds every cell of the table of faults to it,
//! [`loads`] many connections at once that end in one way; both with sessions of their own and
//! pooled ones, on one thread and on several.
//!
//! `WIRE_ROUNDS` asks for more: so often every cell and every load is run, and everything is held
//! against the wire. `WIRE_SEED` gives the order again in which the cells were run. Without it one
//! round is run, and of connections that both sides close at once, which are then too few to allow for
//! some that are told the wrong way, it is not held who was first ([`bounds::Extent`]).
//!
//! What is told the wrong way, of 6,190 connections of `WIRE_ROUNDS=4` between 5 and 12:
//!
//! * Two FINs that cross: each side has sent its own before it saw the other, and the kernel shows the
//!   same of either order.
//! * A peer of HTTP/2 that sends a GOAWAY and its FIN at once, to a side that closes at the GOAWAY.
//!
//! [`Capture`]: http_context_tests::Capture

#![cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "that nothing was captured is to be seen, and how much was held against what"
)]
#![allow(
    clippy::async_yields_async,
    reason = "what is done before a request gives what still goes on beside it"
)]

mod bounds;
mod exports;
mod faults;
mod loads;
mod surplus;
mod truth;
mod variant;
mod witness;

/// The table of faults, and what sets them up.
macro_rules! of_the_table {
    ($($path:literal $module:ident),* $(,)?) => {$(
        #[path = $path]
        #[allow(dead_code, reason = "the tests that it was made for use all of it")]
        mod $module;
    )*};
}

of_the_table! {
    "../faults/cell.rs" cell,
    "../faults/connecting.rs" connecting,
    "../faults/cue.rs" cue,
    "../faults/disconnects.rs" disconnects,
    "../faults/handshakes.rs" handshakes,
    "../faults/http2.rs" http2,
    "../faults/names.rs" names,
    "../faults/peer.rs" peer,
    "../faults/proxies.rs" proxies,
    "../faults/responses.rs" responses,
    "../faults/reuse.rs" reuse,
    "../faults/scene.rs" scene,
    "../faults/sessions.rs" sessions,
    "../faults/table.rs" table,
    "../faults/uploads.rs" uploads,
    "../truth/rig.rs" rig,
    "../length/connections.rs" connections,
}
