//! The side-by-side: what a request and a job cost with `reqwest` alone, with what one could pick
//! instead, and with `http-context`.
//!
//! All contenders take turns in every round, against a server in a process of its own, so that what
//! the machine does meanwhile hits them alike. Figures are medians over the rounds; a ratio is the
//! median of the ratios within a round.
//!
//! `cargo run --release -p http-context-benches --bin side-by-side` writes `benches/docs/`;
//! with `--quick` it does the same in a tenth of the time, and worse.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints how far it is"
)]

mod aiohttp;
mod contender;
mod jobs;
mod load;
mod report;

use std::path::Path;
use std::sync::Arc;

use http_context_benches::cpu::{self, Cores};
use http_context_benches::target::{Target, serve_if_asked};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Effort {
    rounds: usize,
    /// Divides the work of a turn.
    divisor: usize,
}

fn main() -> std::io::Result<()> {
    if serve_if_asked()? {
        return Ok(());
    }
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let effort = if is_quick {
        Effort {
            rounds: 3,
            divisor: 4,
        }
    } else {
        Effort {
            rounds: 15,
            divisor: 1,
        }
    };
    let cores = Cores::find()?;
    let target = Arc::new(Target::start(cores.server));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    contender::install_peers();
    // The threads of what was installed go where they like.
    cpu::stay_on(cores.client)?;
    let loads = runtime.block_on(load::measure(&target, effort, cores));
    cpu::stay_on(cores.client)?;
    let jobs = runtime.block_on(jobs::measure(&target, effort));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(
        folder.join("side-by-side.md"),
        report::table(&loads, &jobs, effort),
    )?;
    std::fs::write(folder.join("side-by-side.svg"), report::plot(&loads, &jobs))?;
    println!("{}", report::table(&loads, &jobs, effort));
    Ok(())
}
