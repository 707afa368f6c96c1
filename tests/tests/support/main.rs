//! The tests' own witnesses, tested: a server that miscounts would prove
//! anything.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod dead_ports;
mod fault_proxy;
mod server_connections;
mod server_requests;
mod server_routes;
mod wire;
