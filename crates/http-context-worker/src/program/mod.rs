//! The program `http-context-worker`: a worker whose jobs are HTTP requests, or a conversation over a
//! WebSocket, and a demo of it.
//!
//! It is built on the library like any other; what stands in this folder is all that only it has.

mod attempt;
mod demo;
pub mod job;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_context::ContextBuilder;

use self::attempt::outcome::FailedPart;
pub use self::attempt::outcome::{JobOutcome, WebSocketOutcome};
use self::attempt::run_job::run_job;
pub use self::attempt::send::RequestOutcome;
pub use self::demo::upstream;
use self::job::Job;
use crate::cli::Flag;
use crate::error_text::chain;
use crate::jobs::{JobContext, JobError, Kind};
use crate::worker::{Worker, WorkerBuilder};

const NAME: &str = "http-context-worker";

/// The name of a queue that nobody named.
const QUEUE_NAME: &str = "http-context";

/// What a line of jobs looks like.
const LINES: &str = "{\"id\", \"url\"}, {\"id\", \"requests\": […]} for several requests, or {\"id\", \"websocket\": \
                     {\"url\", \"send\": [\"text\", {\"base64\": \"…\"}], \"receive\": 3}} for a conversation";

/// Reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let fail_on_status = Arc::new(AtomicBool::new(false));
    let is_given = Arc::clone(&fail_on_status);
    let run = move |job: Job, context: JobContext| {
        let fail_on_status = fail_on_status.load(Ordering::Relaxed);
        async move { judged(run_job(&job).await, &job, fail_on_status, &context) }
    };
    worker(run)
        .flag(Flag {
            name: "fail-on-status",
            help: "A response with status 400 or above fails its job. A WebSocket that is refused fails it also \
                   without this",
            is_given,
        })
        .command(demo::command())
        .build()
        .main()
}

/// The worker with this function for its jobs.
fn worker<F, Fut>(run: F) -> WorkerBuilder
where
    F: Fn(Job, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<JobOutcome, JobError>> + Send + 'static,
{
    let kind = Kind::new(run)
        .parse(job::from_line)
        .context(with_proxy)
        .flat_output(&JobOutcome::default());
    Worker::builder(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs HTTP jobs, each in its own HTTP context, and proves that each context closed")
        .lines(LINES)
        .queue_name(QUEUE_NAME)
        .kind(kind)
}

/// Counts what became of a job, and says whether it failed.
fn judged(
    outcome: JobOutcome,
    job: &Job,
    fail_on_status: bool,
    context: &JobContext,
) -> Result<JobOutcome, JobError> {
    context.count(|sums| outcome.add_to(sums));
    let Some((part, error)) = outcome.first_error(fail_on_status) else {
        return Ok(outcome);
    };
    let error = match outcome.retry_after() {
        Some(wait) => JobError::retry_after(wait, error),
        None => JobError::failed(error),
    };
    let error = error.with_output(&outcome);
    Err(match (part, &job.websocket) {
        (FailedPart::Request(index), _) => match job.requests.get(index) {
            Some(request) => error.with_request(format_args!("{} {}", request.method, request.url)),
            None => error,
        },
        (FailedPart::WebSocket, Some(websocket)) => error.with_request(&websocket.url),
        (FailedPart::WebSocket, None) => error,
    })
}

/// A job with a proxy of its own has a session of its own: those of the pool are without it.
fn with_proxy(job: &Job, context: ContextBuilder) -> Result<ContextBuilder, JobError> {
    let Some(proxy) = &job.proxy else {
        return Ok(context);
    };
    match reqwest::Proxy::all(proxy) {
        Ok(proxy) => Ok(context.without_pool().proxy(proxy)),
        Err(error) => {
            let error = chain(&error.without_url());
            Err(JobError::failed(format!("proxy: {error}")))
        }
    }
}
