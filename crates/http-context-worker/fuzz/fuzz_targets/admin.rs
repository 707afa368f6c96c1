//! Fuzzes what `checks/admin.rs` says.
#![no_main]

#[path = "../checks/admin.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
