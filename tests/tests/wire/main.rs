//! What is exported of connections, held against the wire.
//!
//! Who closed a connection, when, and how many requests it carried is what no library knows from
//! its own books. Two witnesses do: a capture of the loopback interface ([`Capture`]), which needs
//! `tcpdump` and root, and the test server, which notes who closed first. [`bounds`] says how close
//! to them what is exported has to be. [`faults`] holds every cell of the table of faults to it,
//! [`loads`] many connections at once that end in one way; both with sessions of their own and
//! pooled ones, on one thread and on several.
//!
//! `WIRE_ROUNDS` asks for more: so often every cell and every load is run. `WIRE_SEED` gives the
//! order again in which the cells were run.
//!
//! [`Capture`]: http_context_tests::Capture

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(
    clippy::print_stderr,
    reason = "that nothing was captured is to be seen"
)]
#![allow(
    clippy::async_yields_async,
    reason = "what is done before a request gives what still goes on beside it"
)]

mod bounds;
mod exports;
mod faults;
mod loads;
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
}
