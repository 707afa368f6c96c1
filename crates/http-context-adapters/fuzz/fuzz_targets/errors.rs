//! Fuzzes what `checks/errors.rs` says.
#![no_main]

#[path = "../checks/errors.rs"]
mod check;
#[path = "../../../http-context/fuzz/checks/server.rs"]
#[allow(dead_code, reason = "the module has more than is used here")]
mod server;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
