//! Fuzzes what `checks/redirect.rs` says.
#![no_main]

#[path = "../checks/redirect.rs"]
mod check;
#[path = "../checks/server.rs"]
mod server;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
