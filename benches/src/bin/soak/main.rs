//! Many contexts and requests under random faults, and whether anything grows or breaks meanwhile.
//!
//! `cargo run --release -p http-context-benches --bin soak -- --contexts 1000000 --requests 5000000`,
//! or `--seconds 60`. Jobs open contexts, fresh and pooled, over HTTP/1.1 and HTTP/2; they read, drop
//! and cancel, run into servers that break off, panic, and are aborted. Each second a line says how
//! far it is. The run is cut into rounds: after each, all work is over and everything is closed, and
//! then the process must hold as many descriptors and tasks as after the warm-up, and no more than
//! 1 % more on its heap, but for tables that double, twice. It ends with an error when that is not so, or when an invariant breaks.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints how far it is"
)]

mod jobs;
mod options;
mod process;
mod servers;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_context_tests::InvariantObserver;
use tokio::time::Instant;

use jobs::Jobs;
use options::{Goal, Options};
use process::{Baseline, Held};
use servers::Servers;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the soak FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    if servers::serve_if_asked()? {
        return Ok(());
    }
    let options = Options::parse(std::env::args().skip(1))?;
    jobs::silence_planned_panics();
    let servers = Servers::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(soak(&options, servers))
}

async fn soak(options: &Options, servers: Servers) -> Result<(), BoxError> {
    let books = Arc::new(InvariantObserver::new());
    let jobs = Arc::new(Jobs::new(servers.urls.clone(), books.clone(), options.seed));
    println!("{options}");
    println!("{}", process::HEADING);
    let started = Instant::now();
    let progress = tokio::spawn(print_progress(started, jobs.clone(), books.clone()));
    // What it holds before the first job has no share in what grows.
    let mut baseline: Option<Baseline> = None;
    let mut most = Held::default();
    jobs.warm_up().await?;
    for round in 0..options.rounds {
        let goal = options.goal.after(round, options.rounds, started);
        jobs.run_until(goal).await?;
        let totals = books.settled().await;
        if totals.requests
            != totals.requests_answered + totals.requests_failed + totals.requests_cancelled
        {
            return Err(format!("requests are lost: {totals:?}").into());
        }
        let held = process::at_rest(baseline.as_ref().map(|baseline| &baseline.held)).await;
        println!("at rest: {held}");
        match &mut baseline {
            // The first rounds warm up: the allocator and the runtime find their size.
            _ if round + 1 < options.warm_up() => {}
            None => baseline = Some(Baseline::new(held)),
            Some(baseline) => baseline.check(&held)?,
        }
        most = most.max(&held);
    }
    progress.abort();
    let _ = progress.await;
    let totals = books.balanced();
    println!(
        "held in {:.0} s: {} contexts, {} requests, {} connections, {} leaks reported and resolved; \
         after the warm-up {}, at most {}",
        started.elapsed().as_secs_f64(),
        totals.contexts,
        totals.requests,
        totals.connections_opened,
        totals.leaks,
        baseline.map(|baseline| baseline.held).unwrap_or_default(),
        most,
    );
    drop(servers);
    Ok(())
}

/// A line each second.
async fn print_progress(started: Instant, jobs: Arc<Jobs>, books: Arc<InvariantObserver>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        second.tick().await;
        let totals = books.totals();
        let misfits = books.balance().misfits;
        let held = Held::now();
        println!(
            "{:>7.0}  {:>9}  {:>9}  {:>8}  {:>7.1}  {:>5}  {:>5}  {:>5}  {:<3}  {}",
            started.elapsed().as_secs_f64(),
            totals.contexts,
            totals.requests,
            held.kibibytes(),
            held.mebibytes(),
            held.descriptors,
            held.tasks,
            jobs.open.load(Ordering::Relaxed),
            if misfits.is_empty() { "ok" } else { "NOT" },
            jobs.errors(),
        );
        for misfit in misfits {
            eprintln!("{misfit}");
        }
    }
}

impl Goal {
    /// What is to be reached by the end of a round.
    fn after(self, round: u32, rounds: u32, started: Instant) -> Goal {
        let share = |whole: u64| whole * u64::from(round + 1) / u64::from(rounds);
        match self {
            Self::Counts { contexts, requests } => Self::Counts {
                contexts: share(contexts),
                requests: share(requests),
            },
            Self::Seconds(seconds) => {
                let end = started + Duration::from_secs(seconds) * (round + 1) / rounds;
                Self::Until(end)
            }
            Self::Until(_) => self,
        }
    }
}
