//! `demo`: the main job with nothing else installed.
//!
//! Servers, a queue and jobs, all in this process, run by the same code as `run`. At the end its
//! numbers are held against those of the servers. Exit code 0 says that all went as planned, the
//! planned faults included.

pub mod upstream;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, FromArgMatches as _, value_parser};
use futures_util::FutureExt;
use http_context::{OpenError, Tls};
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use self::upstream::Upstream;
use super::attempt::run_job::run_job;
use super::job::Job;
use super::{NAME, judged, worker};
use crate::admin::{Admin, AdminServer};
use crate::cli::progress_bar::Bar;
use crate::cli::{ExtraCommand, LogArgs};
use crate::failure::Failure;
use crate::grouped::grouped;
use crate::input::JobsFrom;
use crate::jobs::{JobContext, JobError};
use crate::log::say;
use crate::program::attempt::converse::CLOSE_TIMEOUT;
use crate::program::attempt::outcome::JobOutcome;
use crate::results::output::Target;
use crate::retry::RetryPolicy;
use crate::run::signals::Signals;
use crate::run::summary::Summary;
use crate::run::{Ended, Plan, StoppedBy, run};
use crate::telemetry::Telemetry;
use crate::terminal::print;

const AT_ONCE: usize = 16;

/// Jobs of each sort.
const PLAIN_JOBS: usize = 240;
const SECURE_JOBS: usize = 120;
const MIXED_JOBS: usize = 40;
const PLUG_IN_JOBS: usize = 20;
const CONVERSATIONS: usize = 30;

/// The jobs that a planned fault fails once.
const FAILED_ONCE: u64 = 2;
/// The jobs whose server never answers a Close frame.
const UNANSWERED: u64 = 1;

/// How long the servers may take to see that connections were closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// `demo`
#[derive(Debug, Args)]
struct DemoArgs {
    /// Warm sessions that jobs hand on to one another; 0 gives each job a session of its own
    #[arg(long, value_name = "N", default_value_t = 16, allow_negative_numbers = true, value_parser = value_parser!(u32).range(0..=10_000))]
    pool: u32,
    /// Keeps the servers and the admin page up until Ctrl-C
    #[arg(long)]
    hold: bool,
    /// Where the admin page is; port 0 takes a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// Prints the summary as one line of JSON, last on standard output, in place of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// The command.
pub(super) fn command() -> ExtraCommand {
    let command = clap::Command::new("demo").about(
        "Show it all with nothing else installed: servers, a queue and jobs, in this process",
    );
    ExtraCommand {
        command: DemoArgs::augment_args(command),
        run: |args| {
            let args = DemoArgs::from_arg_matches(args);
            async move {
                let args = match args {
                    Ok(args) => args,
                    Err(error) => error.exit(),
                };
                args.log.install(LevelFilter::WARN, &[]);
                demo(&args).await.unwrap_or_else(|failure| {
                    say(&format!("error: {failure}\n"));
                    2
                })
            }
            .boxed()
        },
    }
}

/// Runs the demo and returns the exit code.
async fn demo(args: &DemoArgs) -> Result<u8, Failure> {
    let signals = Signals::listen()?;
    let telemetry = Telemetry::install(NAME)?;
    let upstream = Upstream::start().await.map_err(Failure::Upstream)?;
    let admin = Admin::new(NAME, telemetry.metrics());
    admin.set_ready(false);
    let server = admin.serve(args.admin).await?;
    let jobs = jobs(&upstream);
    let file = write_jobs(&jobs).map_err(Failure::Upstream)?;
    if !args.json {
        print(&opening(&upstream, &server, jobs.len()));
    }
    let results = file.path().with_extension("results");
    let plan = Plan::run(JobsFrom::File(file.path().to_path_buf()))
        .results(Target::File(results.clone()))
        .concurrency(AT_ONCE)
        .pool(args.pool as usize)
        .retry(RetryPolicy::attempts(3).first_delay(Duration::ZERO))
        .max_crashes(1)
        .context(http_context::builder().tls(Tls::Config(upstream.client_config())));
    let definition = worker(run_some).build().into_definition()?;
    let mut bar = None;
    let stop = async { StoppedBy::Signal(signals.first().await) };
    let ended = run(definition, plan, stop, |view| {
        admin.follow(view.clone());
        if !args.json {
            bar = Bar::show(view.progress);
        }
    })
    .await;
    drop(bar);
    let _ = std::fs::remove_file(results);
    let ended = ended?;
    let still_open = upstream.closed_within(CLOSED_WITHIN).await;
    let summary = Summary::from(&ended);
    let checks = checks(&upstream, &ended, &summary, jobs.len(), still_open);
    let as_planned = checks.iter().all(|check| check.holds);
    if args.json {
        print(&format!("{}\n", summary.to_json()));
    } else {
        print(&format!("{}\n", summary.to_table(&ended)));
        for check in &checks {
            print(&format!("  {} {}\n", check.mark(), check.sentence));
        }
        print("\n");
    }
    if let Some(signal) = signals.first().now_or_never().filter(|_| ended.interrupted) {
        return Ok(signal.exit_code());
    }
    if args.hold {
        say(&format!(
            "  The servers and the admin page, {}, stay up until Ctrl-C.\n",
            server.url()
        ));
        signals.first().await;
    }
    if let Some(lost) = telemetry.flush_at_end(args.hold).await {
        say(&format!("  {lost}\n"));
    }
    Ok(u8::from(!as_planned))
}

fn opening(upstream: &Upstream, admin: &AdminServer, jobs: usize) -> String {
    format!(
        "\n  {jobs} jobs, {AT_ONCE} at once, each in an HTTP context of its own.\n\n  \
         servers     {}    HTTP/1.1\n              {}   HTTP/2 and WebSockets by TLS, certificate made a moment ago\n  \
         queue       SQLite, in a temporary directory\n  \
         admin page  {}\n  \
         faults      planned: one 503, one connection hung up, one Close never answered, a few slow answers\n\n",
        upstream.plain_url(),
        upstream.secure_url(),
        admin.url(),
    )
}

/// The jobs, as they would stand in a file.
fn jobs(upstream: &Upstream) -> Vec<Value> {
    let (plain, secure) = (upstream.plain_url(), upstream.secure_url());
    let items = |base: &str, n: usize| -> Vec<Value> {
        (0..n)
            .map(|i| json!({"url": format!("{base}/item/{i}")}))
            .collect()
    };
    let mut jobs = Vec::new();
    for i in 0..PLAIN_JOBS {
        jobs.push(json!({"id": format!("plain-{i}"), "requests": items(&plain, 4)}));
    }
    for i in 0..SECURE_JOBS {
        jobs.push(json!({"id": format!("secure-{i}"), "requests": items(&secure, 5)}));
    }
    for i in 0..MIXED_JOBS {
        jobs.push(
            json!({"id": format!("mixed-{i}"), "concurrency": 3, "requests": [
                {"url": format!("{plain}/item/{i}")},
                {"url": format!("{plain}/large")},
                {"method": "POST", "url": format!("{secure}/echo"), "body": "hello"},
                {"url": format!("{secure}/item/{i}"), "timeout_ms": 5000},
                {"url": format!("{plain}/item/{i}"), "headers": {"accept": "application/json"}},
            ]}),
        );
    }
    for i in 0..PLUG_IN_JOBS {
        jobs.push(json!({"id": format!("plug-in-{i}"), "requests": items(&plain, 3)}));
    }
    let websocket = secure.replacen("https", "wss", 1);
    for i in 0..CONVERSATIONS {
        jobs.push(json!({"id": format!("conversation-{i}"), "websocket": {
            "url": format!("{websocket}/websocket"),
            "send": ["hello", {"base64": "AAECAwQ="}, format!("this is {i}")],
            "receive": 3,
        }}));
    }
    jobs.push(json!({"id": "unanswered", "websocket": {
        "url": format!("{websocket}/unanswered-close"), "send": ["hello"], "receive": 1,
    }}));
    for i in 0..4 {
        jobs.push(json!({"id": format!("slow-{i}"), "url": format!("{secure}/slow")}));
    }
    jobs.push(json!({"id": "unavailable", "url": format!("{secure}/unavailable-once/demo")}));
    jobs.push(json!({"id": "hung-up", "url": format!("{plain}/hang-up-once/demo")}));
    // The sorts are mixed, in the same way each time.
    let count = jobs.len();
    (0..count).map(|i| jobs[i * 101 % count].take()).collect()
}

fn write_jobs(jobs: &[Value]) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    for job in jobs {
        writeln!(file, "{job}")?;
    }
    file.flush()?;
    Ok(file)
}

/// What a job of the demo does: some of them go through a plug-in.
async fn run_some(job: Job, context: JobContext) -> Result<JobOutcome, JobError> {
    let outcome = if job.id.starts_with("plug-in-") {
        plug_in(&job).await
    } else {
        run_job(&job).await
    };
    judged(outcome, &job, true, &context)
}

/// Code that someone else wrote, and that opens a context because it cannot know whether there is
/// one. It is given the session of the job, and the job's report says that it asked.
async fn plug_in(job: &Job) -> JobOutcome {
    http_context::open(async { Ok::<_, OpenError>(run_job(job).await) })
        .await
        .unwrap_or_default()
}

/// A sentence about the run, and whether it is as it should be.
struct Check {
    holds: bool,
    sentence: String,
}

impl Check {
    fn mark(&self) -> &'static str {
        if self.holds { "✓" } else { "✗" }
    }
}

fn checks(
    upstream: &Upstream,
    ended: &Ended,
    summary: &Summary,
    jobs: usize,
    still_open: u64,
) -> Vec<Check> {
    let seen = upstream.seen();
    let talked = ended.progress.tally.websockets;
    vec![
        Check {
            holds: summary.jobs.ok == jobs as u64,
            sentence: format!("{} of {jobs} jobs ended ok", grouped(summary.jobs.ok)),
        },
        Check {
            holds: seen.faults == FAILED_ONCE + UNANSWERED && summary.jobs.retried == FAILED_ONCE,
            sentence: format!(
                "{} planned faults were met, {} jobs were tried again because of them, {} waited {CLOSE_TIMEOUT:?} \
                 for the answer to its Close",
                seen.faults,
                summary.jobs.retried,
                seen.faults.saturating_sub(summary.jobs.retried)
            ),
        },
        Check {
            holds: seen.requests() == summary.requests,
            sentence: format!(
                "the servers saw {} requests ({} by HTTP/1.1, {} by HTTP/2), the worker sent {}",
                grouped(seen.requests()),
                grouped(seen.http1_requests),
                grouped(seen.http2_requests),
                grouped(summary.requests)
            ),
        },
        Check {
            holds: seen.websockets == talked.opened
                && seen.received_messages == talked.sent_messages
                && seen.sent_messages == talked.received_messages,
            sentence: format!(
                "the servers opened {} WebSockets, received {} messages and sent {}, the worker opened {}, sent {} \
                 and received {}",
                grouped(seen.websockets),
                grouped(seen.received_messages),
                grouped(seen.sent_messages),
                grouped(talked.opened),
                grouped(talked.sent_messages),
                grouped(talked.received_messages)
            ),
        },
        Check {
            holds: seen.accepted == summary.connections_opened,
            sentence: format!(
                "the servers accepted {} connections, the worker opened {}",
                grouped(seen.accepted),
                grouped(summary.connections_opened)
            ),
        },
        Check {
            holds: still_open == 0,
            sentence: format!("{still_open} connections are still open at the servers"),
        },
        Check {
            holds: ended.progress.tally.nested_opens == PLUG_IN_JOBS as u64,
            sentence: format!(
                "{} contexts were opened inside another, by the plug-in, and used the job's session",
                ended.progress.tally.nested_opens
            ),
        },
        Check {
            holds: summary.leaks == 0,
            sentence: format!("{} leaks", summary.leaks),
        },
    ]
}
