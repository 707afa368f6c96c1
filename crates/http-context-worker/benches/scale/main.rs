//! What one worker, ten, a hundred and a thousand ask of Redis, PostgreSQL, Prometheus and a collector.
//!
//! `cargo bench -p http-context-worker --all-features --bench scale` writes `benches/docs/scale.md`; a word after
//! `--` (`redis`, `postgres`, `series`, `prometheus`, `spans`) prints that part alone, and numbers after either of the
//! first two the rows of so many workers alone. It starts the servers itself, which have to be on the search path
//! (`cargo xtask tools`). What they do is told by themselves and
//! by the kernel: nothing here counts for them.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a program that prints what it has measured, in counts that are small, and asks servers that send no \
              word: with pauses, and by a client that nobody observes"
)]

mod children;
mod fleet;
mod kernel;
mod loads;
mod postgres;
mod prometheus;
mod redis;
#[path = "../role/mod.rs"]
mod role;
mod series;
#[path = "../servers/mod.rs"]
mod servers;
mod spans;

use std::env;
use std::path::Path;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        // What this program starts itself as.
        ["fleet", queue, workers] => fleet::main(queue, workers.parse().unwrap()),
        ["exposition", hosts, kinds] => {
            series::main(hosts.parse().unwrap(), kinds.parse().unwrap());
        }
        ["spans", jobs, rate] => spans::main(jobs.parse().unwrap(), rate.parse().unwrap()),
        ["redis", rows @ ..] => println!("{}", loads::table::<redis::Redis>(words(rows))),
        ["postgres", rows @ ..] => println!("{}", loads::table::<postgres::Postgres>(words(rows))),
        ["series", ..] => println!("{}", series::table()),
        ["prometheus", ..] => println!("{}", prometheus::table()),
        ["spans", ..] => println!("{}", spans::table()),
        _ => all(),
    }
}

/// Without what cargo adds.
fn words<'a, 'w>(arguments: &'a [&'w str]) -> &'a [&'w str] {
    arguments.strip_suffix(&["--bench"]).unwrap_or(arguments)
}

fn all() {
    let text = [
        "# Scale\n\nWritten by `cargo bench -p http-context-worker --all-features --bench scale`. Two cores, with the \
         servers and all of the workers on them. Processor time and memory (proportional set size) are the kernel's, \
         of all processes of a server; the rest is what the server says of itself.\n"
            .to_owned(),
        loads::table::<redis::Redis>(&[]),
        loads::table::<postgres::Postgres>(&[]),
        series::table(),
        prometheus::table(),
        spans::table(),
    ]
    .join("\n");
    println!("{text}");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/docs/scale.md");
    std::fs::write(docs, text).unwrap();
}
