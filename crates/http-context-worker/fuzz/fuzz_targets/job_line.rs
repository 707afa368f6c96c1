//! Fuzzes what `checks/job_line.rs` says.
#![no_main]
#![allow(
    dead_code,
    unused_imports,
    reason = "the module is the worker's, and has more than is used here"
)]

#[path = "../checks/job_line.rs"]
mod check;
#[path = "../../src/program/job/mod.rs"]
mod job;
#[path = "../../src/line.rs"]
mod line;
#[path = "../../src/run_at.rs"]
mod run_at;

libfuzzer_sys::fuzz_target!(|line: &[u8]| check::check(line));
