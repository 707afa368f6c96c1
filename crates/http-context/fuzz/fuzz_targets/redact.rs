//! Fuzzes what `checks/redact.rs` says.
#![no_main]

#[path = "../checks/redact.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|text: &str| check::check(text));
