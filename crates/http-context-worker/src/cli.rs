//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};

use crate::admin::DEFAULT_ADDRESS;
use crate::input::JobsFrom;
use crate::output::Target;
use crate::retry::Retry;
use crate::run::Plan;
use crate::send::send_all;

/// Runs HTTP jobs, each in its own HTTP context, and proves that each context closed.
#[derive(Debug, Parser)]
#[command(
    name = "http-context-worker",
    version,
    about,
    after_help = "Exit codes: 0 all ok, 1 a job failed, 2 bad input or usage, 3 leaks with --deny-leaks; the \
                  highest that applies. Ended by SIGINT or SIGTERM with jobs left to do: 130 or 143. A second \
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
    /// Show it all with nothing else installed: servers, a queue and jobs, in this process.
    Demo(DemoArgs),
}

/// `run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The jobs, one JSON object a line; - reads standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) jobs: PathBuf,
    /// Where result lines go; - is standard output
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    pub(crate) results: PathBuf,
    /// Where lines that are not jobs are told; - is standard output [default: standard error]
    #[arg(long, value_name = "FILE|-")]
    pub(crate) rejects: Option<PathBuf>,
    /// Keeps the queue here, so that a run that was killed can be started again; without it the
    /// queue lives in a temporary directory and ends with the run
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Jobs that run at once
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Warm sessions that jobs hand on to one another, connections and all; 0 gives each job a session of
    /// its own. A job with a proxy always has one of its own [default: as many as --concurrency]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = value_parser!(u32).range(0..=10_000))]
    pub(crate) pool: Option<u32>,
    /// How often a job is tried before it has failed
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) max_attempts: u32,
    /// The wait before the second attempt; it doubles with each further one, up to a minute
    #[arg(long, value_name = "SECONDS", default_value_t = 1, allow_negative_numbers = true, value_parser = value_parser!(u64).range(0..=60))]
    pub(crate) retry_delay: u64,
    /// A response with status 400 or above fails its job
    #[arg(long)]
    pub(crate) fail_on_status: bool,
    /// How long jobs under way may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 5, allow_negative_numbers = true, value_parser = value_parser!(u64).range(0..=3600))]
    pub(crate) drain_timeout: u64,
    /// Writes the metrics here in Prometheus' text format, once every context has closed
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Serves /metrics, /livez, /readyz, /debug/contexts and a live page at / while the run goes on;
    /// without an address at 127.0.0.1:9464 [default: off]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS)]
    pub(crate) admin: Option<SocketAddr>,
    /// Exits with code 3 when a context leaked
    #[arg(long)]
    pub(crate) deny_leaks: bool,
    /// Prints the summary as one line of JSON, last on standard output, in place of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// `demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Warm sessions that jobs hand on to one another; 0 gives each job a session of its own
    #[arg(long, value_name = "N", default_value_t = 16, allow_negative_numbers = true, value_parser = value_parser!(u32).range(0..=10_000))]
    pub(crate) pool: u32,
    /// Keeps the servers and the admin page up until Ctrl-C
    #[arg(long)]
    pub(crate) hold: bool,
    /// Where the admin page is; port 0 is one that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) admin: SocketAddr,
    /// Prints the summary as one line of JSON, last on standard output, in place of the table
    #[arg(long)]
    pub(crate) json: bool,
}

impl RunArgs {
    /// What to run.
    ///
    /// # Errors
    ///
    /// One sentence when two of the files are the same.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        self.refuse_shared_files()?;
        Ok(Plan {
            jobs: if is_dash(&self.jobs) {
                JobsFrom::Stdin
            } else {
                JobsFrom::File(self.jobs.clone())
            },
            results: target(&self.results),
            rejects: self.rejects.as_deref().map_or(Target::Stderr, target),
            state: self.state.clone(),
            concurrency: self.concurrency as usize,
            pool: self.pool.unwrap_or(self.concurrency) as usize,
            retry: Retry {
                max_attempts: self.max_attempts,
                first_delay: Duration::from_secs(self.retry_delay),
            },
            fail_on_status: self.fail_on_status,
            drain_timeout: Duration::from_secs(self.drain_timeout),
            context: http_context::builder(),
            code: send_all,
        })
    }

    /// Writing to the file that is read, or two things to one file, would destroy it.
    fn refuse_shared_files(&self) -> Result<(), String> {
        let files = [
            ("--jobs", Some(&self.jobs)),
            ("--results", Some(&self.results)),
            ("--rejects", self.rejects.as_ref()),
            ("--metrics-file", self.metrics_file.as_ref()),
        ];
        let mut taken: Vec<(&str, PathBuf)> = Vec::new();
        for (flag, path) in files {
            let Some(path) = path.filter(|path| !is_dash(path)) else {
                continue;
            };
            let real = real_path(path);
            if real.exists() && !real.is_file() {
                continue;
            }
            if let Some((other, _)) = taken.iter().find(|(_, file)| *file == real) {
                return Err(format!(
                    "{other} and {flag} are the same file, {}: give each its own",
                    path.display()
                ));
            }
            taken.push((flag, real));
        }
        Ok(())
    }
}

/// The path with links followed, also for a file that is not there yet.
fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match (
        absolute.parent().map(Path::canonicalize),
        absolute.file_name(),
    ) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute,
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn target(path: &Path) -> Target {
    if is_dash(path) {
        Target::Stdout
    } else {
        Target::File(path.to_path_buf())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_file_cannot_be_two_things() {
        let dir = tempfile::tempdir().unwrap();
        let jobs = dir.path().join("jobs");
        std::fs::write(&jobs, "").unwrap();
        let args = |results: PathBuf| RunArgs {
            jobs: jobs.clone(),
            results,
            rejects: None,
            state: None,
            concurrency: 1,
            pool: None,
            max_attempts: 1,
            retry_delay: 1,
            fail_on_status: false,
            drain_timeout: 1,
            metrics_file: None,
            admin: None,
            deny_leaks: false,
            json: false,
        };
        let error = args(dir.path().join("./jobs")).plan().err().unwrap();
        assert!(error.starts_with("--jobs and --results are the same file"));
        assert!(args(dir.path().join("results")).plan().is_ok());
        assert!(args("-".into()).plan().is_ok());
    }
}
