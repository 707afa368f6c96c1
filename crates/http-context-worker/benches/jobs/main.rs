//! Jobs a second over each queue, of one process and of several, beside those of the bare engine.
//!
//! `cargo bench -p http-context-worker --all-features --bench jobs` writes `benches/docs/jobs.md`. It starts
//! the servers of the queues itself, which have to be on the search path.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program that prints what it has measured"
)]

mod bare;
mod counter;
mod memory;
mod processes;
mod queue;
#[path = "../role/mod.rs"]
mod role;
#[path = "../servers/mod.rs"]
mod servers;
mod table;
mod worker;

use std::env;

/// How many jobs are under way at once in a process.
const CONCURRENCY: usize = 64;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        // What this program starts itself as.
        ["serve"] => processes::serve(),
        ["worker", queue, jobs, work] => worker::main(queue, jobs.parse().unwrap(), work),
        ["bare", queue, jobs, work] => bare::main(queue, jobs.parse().unwrap(), work),
        ["memory", jobs, ..] => memory::main(jobs.parse().unwrap()),
        _ => table::main(),
    }
}
