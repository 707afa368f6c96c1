//! The tests' own witnesses, tested: a server that miscounts would prove
//! anything. What they answer is tested by all tests that ask them.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod fault_proxy;
mod server_connections;
mod server_requests;
