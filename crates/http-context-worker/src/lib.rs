//! A job worker that runs each job in its own HTTP context.
//!
//! The program is the binary `http-context-worker`; this library is what it is made of, for tests
//! and benchmarks. Jobs are lines of JSON ([`job`]); they wait in a queue (embedded, or in a Redis
//! that many processes share), run each in a context of their own ([`http_context`]) with a session
//! that they hand on, and leave one result line each ([`results`]).
//!
//! The way of a job is one straight line through the files: `input → lines → job → ingest → queue →
//! handler → send → ledger → results`, and `run` holds it together; `enqueue` is its first half, and
//! `serve` its second.

mod admin;
mod cli;
mod commands;
mod demo;
mod display;
mod enqueue;
mod failure;
mod handler;
mod ingest;
mod input;
pub mod job;
mod job_metrics;
mod ledger;
mod lines;
mod log;
mod metrics_file;
#[cfg(feature = "otlp")]
mod otlp;
mod output;
mod outputs;
mod progress;
mod queue;
mod redact;
mod rejects;
pub mod results;
mod retry;
mod retry_after;
mod run;
mod running;
mod send;
mod signals;
mod state;
mod summary;
mod tally;
mod telemetry;
pub mod upstream;
mod warm;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

pub use failure::Failure;
pub use input::{InputError, JobsFrom};
pub use output::{OutputError, Target};
pub use progress::Progress;
pub use queue::{QueueError, RedisPlace, RedisUrl};
pub use rejects::Reject;
pub use retry::Retry;
pub use run::{Ended, Plan, QueuePlace, run};
pub use send::{JobCode, RequestOutcome, send_all};
pub use signals::{Signal, Signals};
pub use state::StateError;
pub use summary::{Jobs, Summary};
pub use tally::Tally;

/// The program: reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log::say(&format!("error: cannot start the runtime: {error}\n"));
            return ExitCode::from(2);
        }
    };
    let code = runtime.block_on(commands::execute(cli));
    // Everything is closed; a thread that hangs in a read or a write must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}
