//! One attempt at a job: in a context of its own, from open to its line in the ledger.
//!
//! The context is opened here and not by the tower layer, for two reasons: each job brings its own
//! proxy, and the exit report is part of its result line. The layer order that makes the context
//! visible to the handler is the same: the engine spawns each attempt as a task
//! ([`Queue::work`](crate::queue::Queue::work)), and the context is opened inside that task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http_context::{ContextBuilder, ExitReport, OpenError, Outcome, Redaction};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::job::Job;
use crate::ledger::{Desk, Entry};
use crate::log::JobTrace;
use crate::queue::{Fate, Handler, Turn};
use crate::redact::redacted;
use crate::results::{Exit, ResultLine};
use crate::retry::Retry;
use crate::send::{JobCode, RequestOutcome, chain};
use crate::tally::Tally;

/// What all attempts share.
#[derive(Clone)]
pub(crate) struct JobHandler {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// The options of every job's context.
    pub(crate) context: ContextBuilder,
    pub(crate) code: JobCode,
    pub(crate) retry: Retry,
    pub(crate) fail_on_status: bool,
    pub(crate) desk: Desk,
    /// Done when no attempt may begin any more.
    pub(crate) stop: CancellationToken,
    /// Done when the attempts under way are to be cut off.
    pub(crate) cut: CancellationToken,
    /// Knows the attempts under way.
    pub(crate) under_way: TaskTracker,
}

impl Handler for JobHandler {
    async fn handle(&self, turn: Turn) {
        // The token is taken before the look at `stop`: who waits for the tracker after `stop`
        // misses nobody.
        let _under_way = self.shared.under_way.token();
        if self.shared.stop.is_cancelled() {
            return;
        }
        let (job, trace) = (Arc::new(turn.job), JobTrace::default());
        let attempted = tokio::select! {
            biased;
            attempted = self.shared.attempt(&job, &trace) => attempted,
            // Dropping the attempt cancels its context. The job stays in the queue.
            () = self.shared.cut.cancelled() => {
                trace.says(|| tracing::info!(
                    job = named(&job),
                    attempt = turn.attempt,
                    "a job was cut off, and stays in the queue"
                ));
                return;
            }
        };
        let entry = self
            .shared
            .entry(turn.ticket, turn.attempt, &job, &attempted);
        trace.says(|| told(&job, turn.attempt, &attempted, entry.fate));
        self.shared.desk.settle(entry).await;
    }
}

/// How an attempt ended.
struct Attempted {
    requests: Vec<RequestOutcome>,
    error: Option<String>,
    exit: Ended,
}

/// What is known of the context's exit.
enum Ended {
    Reported(Box<ExitReport>),
    /// The work panicked: the report went to the observer alone.
    Panicked,
    /// There was no context.
    NotOpened,
}

/// A failed attempt, as the context sees it: its work ended with an error.
enum Failed {
    Requests(Vec<RequestOutcome>, String),
    Open(OpenError),
}

impl From<OpenError> for Failed {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl Shared {
    async fn attempt(&self, job: &Arc<Job>, trace: &JobTrace) -> Attempted {
        match AssertUnwindSafe(self.attempt_in_context(job, trace))
            .catch_unwind()
            .await
        {
            Ok(attempted) => attempted,
            Err(_) => Attempted {
                requests: Vec::new(),
                error: Some("the code of the job panicked".to_owned()),
                exit: Ended::Panicked,
            },
        }
    }

    async fn attempt_in_context(&self, job: &Arc<Job>, trace: &JobTrace) -> Attempted {
        let mut context = self.context.clone().name(format!("job {}", named(job)));
        if let Some(proxy) = &job.proxy {
            match reqwest::Proxy::all(proxy) {
                Ok(proxy) => context = context.proxy(proxy),
                Err(error) => {
                    return Attempted {
                        requests: Vec::new(),
                        error: Some(format!("proxy: {}", chain(&error.without_url()))),
                        exit: Ended::NotOpened,
                    };
                }
            }
        }
        let work = async {
            trace.note();
            let requests = (self.code)(Arc::clone(job)).await;
            match self.first_error(&requests) {
                None => Ok(requests),
                Some(error) => Err(Failed::Requests(requests, error)),
            }
        };
        let (result, report) = context.open(work).with_report().await;
        let (requests, error) = match result {
            Ok(requests) => (requests, None),
            Err(Failed::Requests(requests, error)) => (requests, Some(error)),
            Err(Failed::Open(error)) => (Vec::new(), Some(chain(&error))),
        };
        Attempted {
            requests,
            error,
            exit: report.map_or(Ended::NotOpened, |report| Ended::Reported(Box::new(report))),
        }
    }

    /// Why the job failed, if it did.
    fn first_error(&self, requests: &[RequestOutcome]) -> Option<String> {
        let count = requests.len();
        requests.iter().enumerate().find_map(|(index, request)| {
            let what = match (&request.error, request.status) {
                (Some(error), _) => error.clone(),
                (None, Some(status)) if self.fail_on_status && status >= 400 => {
                    format!("status {status}")
                }
                _ => return None,
            };
            Some(format!("request {} of {count}: {what}", index + 1))
        })
    }

    fn entry(
        &self,
        ticket: crate::queue::Ticket,
        attempt: u32,
        job: &Job,
        attempted: &Attempted,
    ) -> Entry {
        let mut adds = Tally::default();
        adds.add_responses(&attempted.requests);
        let exit = match &attempted.exit {
            Ended::Reported(report) => {
                adds.add_exit(report);
                Exit::from(report.as_ref())
            }
            Ended::Panicked => {
                adds.add_context(Outcome::Panicked);
                Exit::without_report(Outcome::Panicked)
            }
            Ended::NotOpened => Exit::without_report(Outcome::Failed),
        };
        let failed = attempted.error.is_some();
        if failed && let Some(wait) = self.retry.after(attempt) {
            adds.retried = u64::from(attempt == 1);
            return Entry {
                ticket,
                fate: Fate::Again {
                    attempts: attempt,
                    wait,
                },
                line: Vec::new(),
                adds,
            };
        }
        adds.ok = u64::from(!failed);
        adds.failed = u64::from(failed);
        let line = ResultLine {
            id: &job.id,
            status: if failed { "failed" } else { "ok" },
            attempts: attempt,
            error: attempted.error.as_deref(),
            requests: &attempted.requests,
            exit,
        };
        Entry {
            ticket,
            fate: Fate::Done,
            line: line.to_line(),
            adds,
        }
    }
}

/// Logs how an attempt ended.
fn told(job: &Job, attempt: u32, attempted: &Attempted, fate: Fate) {
    match (&attempted.error, fate) {
        (None, _) => tracing::debug!(
            job = named(job),
            attempts = attempt,
            requests = attempted.requests.len(),
            "a job is done"
        ),
        (Some(error), Fate::Done) => {
            tracing::info!(job = named(job), attempts = attempt, error, "a job failed");
        }
        (Some(error), Fate::Again { wait, .. }) => tracing::info!(
            job = named(job),
            attempt,
            error,
            ?wait,
            "a job failed and is tried again"
        ),
    }
}

/// The id of a job as it may be shown.
fn named(job: &Job) -> String {
    redacted(&job.id, &Redaction::default())
}
