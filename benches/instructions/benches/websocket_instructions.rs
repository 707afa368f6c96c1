//! Instructions of a hundred messages that are echoed over a WebSocket, held to committed figures and
//! to those of `tokio-tungstenite` alone.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "the macros make public items, and a main that exits"
)]

use gungraun::{library_benchmark, library_benchmark_group, main};
use http_context_benches::{ServerProcess, Socket, SocketVariant};
use http_context_instructions::held_to;

const MESSAGES: usize = 100;

fn open(variant: SocketVariant) -> Socket {
    let server = ServerProcess::start_websocket(env!("CARGO_BIN_EXE_bench-server"));
    Socket::open(variant, server)
}

/// The committed figures: instructions of [`MESSAGES`] messages there and back.
mod committed {
    pub(super) const ALONE: u64 = 1_187_000;
    pub(super) const REQWEST: u64 = 1_215_000;
    pub(super) const SESSION: u64 = 1_334_000;
    pub(super) const METRICS: u64 = 1_334_000;
    pub(super) const HEARTBEAT: u64 = 1_352_000;
}

#[library_benchmark]
#[bench::alone(
    args = (SocketVariant::Alone),
    setup = open,
    config = held_to(committed::ALONE)
)]
#[bench::reqwest(
    args = (SocketVariant::Reqwest),
    setup = open,
    config = held_to(committed::REQWEST)
)]
#[bench::session(
    args = (SocketVariant::Session),
    setup = open,
    config = held_to(committed::SESSION)
)]
#[bench::metrics(
    args = (SocketVariant::Metrics),
    setup = open,
    config = held_to(committed::METRICS)
)]
#[bench::heartbeat(
    args = (SocketVariant::Heartbeat),
    setup = open,
    config = held_to(committed::HEARTBEAT)
)]
fn a_hundred_messages(mut socket: Socket) -> Socket {
    socket.echo(MESSAGES);
    socket
}

library_benchmark_group!(name = messages; benchmarks = a_hundred_messages);
main!(library_benchmark_groups = messages);
