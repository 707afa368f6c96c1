//! The command line.

mod commands;
mod environment;
mod face;
mod metrics_file;
mod plans;
pub(crate) mod progress_bar;
mod queue_url;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, FromArgMatches as _, Parser, Subcommand, value_parser};
use http_context::ContextBuilder;

use crate::admin::{AdminToken, DEFAULT_ADDRESS};
use crate::log::{self, LogFormat, LogLevel};
use crate::run::Definition;

pub(crate) use self::face::{Asked, ExtraCommand, Face, Flag};
pub(crate) use self::queue_url::QueueUrl;

/// Runs jobs, each in its own HTTP context, and proves that each context closed.
#[derive(Debug, Parser)]
#[command(
    about,
    after_help = "Exit codes: 0 all ok, 1 a job failed, 2 bad input or usage, 3 leaks with --deny-leaks; the \
                  highest that applies. Ended by SIGINT or SIGTERM with jobs left to do: 130 or 143; `serve` is meant to \
                  end so, and has 0. A second \
                  signal ends the process at once, with the same codes."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Work off a file of jobs, write one result line for each, and exit.
    Run(RunArgs),
    /// Put jobs into a shared queue, for workers that serve it.
    Enqueue(EnqueueArgs),
    /// Work off a shared queue, together with others, until SIGTERM or SIGINT.
    Serve(ServeArgs),
}

/// `run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The jobs, one JSON object a line; - reads standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) jobs: PathBuf,
    /// Where lines that are not jobs are reported; - is standard output [default: standard error]
    #[arg(long, value_name = "FILE|-")]
    pub(crate) rejects: Option<PathBuf>,
    /// Keeps the queue here, so that a run that was killed can be started again; without it the
    /// queue lives in a temporary directory and ends with the run
    #[arg(long, value_name = "DIR", conflicts_with = "queue")]
    pub(crate) state: Option<PathBuf>,
    /// The Redis or the PostgreSQL that keeps the queue, shared with other processes:
    /// redis://[user:password@]host[:port][/database], rediss:// for TLS, or
    /// postgres://[user:password@]host[:port]/database[?sslmode=…] [default: a queue of this run alone]
    #[arg(long, value_name = "URL")]
    pub(crate) queue: Option<QueueUrl>,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// `serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The Redis or the PostgreSQL that keeps the queue: redis://[user:password@]host[:port][/database],
    /// rediss:// for TLS, or postgres://[user:password@]host[:port]/database[?sslmode=…]
    #[arg(long, value_name = "URL")]
    pub(crate) queue: QueueUrl,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// `enqueue`
#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    /// The Redis or the PostgreSQL that keeps the queue: redis://[user:password@]host[:port][/database],
    /// rediss:// for TLS, or postgres://[user:password@]host[:port]/database[?sslmode=…]
    #[arg(long, value_name = "URL")]
    pub(crate) queue: QueueUrl,
    /// The jobs, one JSON object a line; - reads standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) jobs: PathBuf,
    /// Where lines that are not jobs are reported; - is standard output [default: standard error]
    #[arg(long, value_name = "FILE|-")]
    pub(crate) rejects: Option<PathBuf>,
    /// The name of the queue: several can be in one Redis or database
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) queue_name: String,
    /// Prints what was queued as one line of JSON on standard output, in place of a sentence
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What a shared queue needs beside its address.
#[derive(Debug, Args)]
pub(crate) struct SharedArgs {
    /// The name of a shared queue: several can be in one Redis or database
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) queue_name: String,
    /// How long a worker of a shared queue may be silent before the others take its jobs over
    #[arg(long, value_name = "SECONDS", default_value_t = 15, allow_negative_numbers = true, value_parser = value_parser!(u64).range(2..=3600))]
    pub(crate) takeover: u64,
}

/// What the program says on standard error.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// What log lines look like. With json everything that is said on standard error is JSON
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
    /// From which level on lines are logged: off, error, warn, info, debug or trace; or by target, such as
    /// `http_context=info,apalis_core=debug` [default: warn, and info for serve]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
}

/// How jobs are worked off.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Where result lines go; - is standard output
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    pub(crate) results: PathBuf,
    /// Jobs that run at once
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Warm sessions that jobs hand on to one another, connections and all; 0 gives each job a session of
    /// its own [default: as many as --concurrency]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = value_parser!(u32).range(0..=10_000))]
    pub(crate) pool: Option<u32>,
    /// How often a job is tried before it has failed; each attempt sends everything anew
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) max_attempts: u32,
    /// The wait before the second attempt; it doubles with each further attempt, up to a minute. A longer wait
    /// that the job asks for is obeyed
    #[arg(long, value_name = "SECONDS", default_value_t = 1, allow_negative_numbers = true, value_parser = value_parser!(u64).range(0..=60))]
    pub(crate) retry_delay: u64,
    /// How many workers may crash with a job in hand before the job fails as poisoned and is not tried again,
    /// counted over all workers of the queue. A worker that SIGTERM or SIGINT ends has not crashed; a worker
    /// that is killed has
    #[arg(long, value_name = "N", default_value_t = 5, allow_negative_numbers = true, value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) max_crashes: u32,
    /// How long jobs under way may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 5, allow_negative_numbers = true, value_parser = value_parser!(u64).range(0..=3600))]
    pub(crate) drain_timeout: u64,
    /// Writes the metrics here in Prometheus' text format, once every context has closed
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Serves /metrics, /livez, /readyz, /debug/contexts and a live page at / while the run goes on;
    /// without an address at 127.0.0.1:9464. Requests must be for localhost or that address, not for a name
    /// that leads there [default: off]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS)]
    pub(crate) admin: Option<SocketAddr>,
    /// Lets whoever has this token cancel and retry jobs at the admin endpoint and on its page: 16 characters
    /// or more. Others on the machine can read it here, and not in the variable of its name
    #[arg(
        long,
        value_name = "TOKEN",
        requires = "admin",
        help = "Lets whoever has this token cancel and retry jobs at the admin endpoint and on its page: 16 characters \
                or more. Others on the machine can read it here; HTTP_CONTEXT_WORKER_ADMIN_TOKEN says the same unseen \
                [default: nobody can]"
    )]
    pub(crate) admin_token: Option<AdminToken>,
    /// Exits with code 3 when a context leaked
    #[arg(long)]
    pub(crate) deny_leaks: bool,
    /// Prints the summary as one line of JSON, last on standard output, in place of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// A worker's command line: reads it, does what it says, and returns the exit code.
pub(crate) fn main(face: Face, definition: &Definition, context: ContextBuilder) -> ExitCode {
    let matches = face.command(&definition.kinds).get_matches();
    if let Some((command, args)) = face.extra_command(&matches) {
        return on_a_runtime(async move { (command.run)(args).await });
    }
    face.set_flags(&matches);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli.install_log(&face.log_targets);
    let asked = Asked {
        name: face.name,
        definition: definition.clone(),
        context,
    };
    on_a_runtime(commands::execute(cli, asked))
}

/// Runs a command to its end.
fn on_a_runtime(command: impl Future<Output = u8>) -> ExitCode {
    environment::settle_temporary_files();
    environment::settle_colors();
    let threads = match environment::worker_threads() {
        Ok(threads) => threads,
        Err(error) => {
            log::say(&format!("error: {error}\n"));
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log::say(&format!("error: cannot start the runtime: {error}\n"));
            return ExitCode::from(2);
        }
    };
    let code = runtime.block_on(command);
    // Everything is closed; a thread that hangs in a read or a write must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
