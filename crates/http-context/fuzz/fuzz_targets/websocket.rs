//! Fuzzes what `checks/websocket.rs` says.
#![no_main]

#[path = "../checks/websocket.rs"]
mod check;
#[path = "../checks/server.rs"]
mod server;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
