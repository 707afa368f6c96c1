//! What the benchmarks of this workspace have in common: a server in a process of its own, and the
//! ways to send it a request.
//!
//! `cargo bench -p http-context-instructions` counts instructions, with valgrind and `gungraun-runner` at the
//! version of `gungraun`.

pub mod cpu;
mod fact;
mod loopback;
pub mod plot;
mod server_process;
pub mod target;
mod variant;
pub mod websocket;

pub use fact::Fact;
pub use loopback::one_connection_server;
pub use server_process::ServerProcess;
pub use variant::{Bench, Urls, Variant};
pub use websocket::{Socket, SocketVariant, echo_server};
