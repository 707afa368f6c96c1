//! Fuzzes what `checks/typed_line.rs` says.
#![no_main]
#![allow(
    dead_code,
    reason = "the modules are the worker's, and have more than is used here"
)]

#[path = "../checks/jobs.rs"]
mod jobs;
#[path = "../../src/line.rs"]
mod line;
#[path = "../../src/run_at.rs"]
mod run_at;

libfuzzer_sys::fuzz_target!(|line: &[u8]| jobs::check::check(line));
