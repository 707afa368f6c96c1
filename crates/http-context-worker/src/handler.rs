//! One attempt at a job: in a context of its own, from open to its line in the results.
//!
//! The context is opened here and not by the tower layer, for two reasons: each job brings its own
//! proxy, and the exit report is part of its result line. The layer order that makes the context
//! visible to the handler is the same: the engine spawns each attempt as a task
//! ([`Queue::work`](crate::queue::Queue::work)), and the context is opened inside that task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http_context::{ContextBuilder, ExitReport, OpenError, Outcome, Redaction};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::error_text::chain;
use crate::attempt::outcome::JobOutcome;
use crate::attempt::retry::Retry;
use crate::attempt::run_job::JobCode;
use crate::job::Job;
use crate::log::JobTrace;
use crate::progress::tally::Tally;
use crate::queue::{Attempt, Disposition, Handler, Queue};
use crate::redact::redacted;
use crate::result_writer::{Entry, ResultSink};
use crate::results::{Exit, ResultLine};

/// See the module's documentation.
#[derive(Clone)]
pub(crate) struct JobHandler<Q> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Q,
}

/// What all attempts share.
pub(crate) struct Shared {
    /// The options of every job's context.
    pub(crate) context: ContextBuilder,
    pub(crate) code: JobCode,
    pub(crate) retry: Retry,
    /// How many workers may crash with a job in hand.
    pub(crate) max_crashes: u32,
    /// Held by the one job under way that is poisoned if this worker crashes too: so it is not blamed
    /// for another one of its kind.
    pub(crate) last_chance: Semaphore,
    pub(crate) fail_on_status: bool,
    pub(crate) sink: ResultSink,
    /// Done when no attempt may begin any more.
    pub(crate) stop: CancellationToken,
    /// Done when the attempts under way are to be cut off.
    pub(crate) cut: CancellationToken,
    /// Knows the attempts under way.
    pub(crate) under_way: TaskTracker,
}

impl<Q: Queue> Handler for JobHandler<Q> {
    async fn handle(&self, attempt: Attempt) {
        // The token is taken before the look at `stop`: who waits for the tracker after `stop`
        // misses nobody.
        let _under_way = self.shared.under_way.token();
        if self.shared.stop.is_cancelled() {
            return;
        }
        if attempt.crashes >= self.shared.max_crashes {
            self.shared.sink.settle(poisoned(&attempt)).await;
            return;
        }
        let _last_chance = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return,
            permit = self.may_begin(&attempt) => match permit {
                Some(permit) => permit,
                None => return,
            },
        };
        let (job, trace) = (Arc::new(attempt.job), JobTrace::default());
        let attempted = tokio::select! {
            biased;
            attempted = self.shared.attempt(&job, &trace) => attempted,
            // Dropping the attempt cancels its context. The job stays in the queue.
            () = self.shared.cut.cancelled() => {
                trace.says(|| tracing::info!(
                    job = named(&job),
                    attempt = attempt.number,
                    "a job was cut off, and stays in the queue"
                ));
                return;
            }
        };
        let entry = self
            .shared
            .entry(attempt.ticket, attempt.number, &job, &attempted);
        trace.says(|| log_attempt(&job, attempt.number, &attempted, entry.disposition));
        self.shared.sink.settle(entry).await;
    }
}

impl<Q: Queue> JobHandler<Q> {
    /// Waits until an attempt may begin; what it holds meanwhile. `None` when the job is in other
    /// hands by now.
    async fn may_begin(&self, attempt: &Attempt) -> Option<Option<SemaphorePermit<'_>>> {
        if attempt.crashes == 0 {
            return Some(None);
        }
        let is_last = attempt.crashes + 1 >= self.shared.max_crashes;
        let permit = if is_last {
            // Nobody closes it.
            self.shared.last_chance.acquire().await.ok()
        } else {
            None
        };
        match self.queue.begin(attempt.ticket).await {
            Ok(false) => None,
            // A queue that fails says so when the attempt is settled.
            Ok(true) | Err(_) => Some(permit),
        }
    }
}

/// The end of a job that is not tried again because workers crashed with it in hand.
fn poisoned(attempt: &Attempt) -> Entry {
    let (job, crashes) = (&attempt.job, attempt.crashes);
    let error = format!(
        "poisoned: {crashes} workers in a row ended while they had this job in hand, so it is not tried again"
    );
    tracing::error!(
        job = named(job),
        crashes,
        "a job is poisoned, and is not tried again"
    );
    let line = ResultLine {
        id: &job.id,
        status: "failed",
        attempts: attempt.number.saturating_sub(1).saturating_add(crashes),
        error: Some(&error),
        requests: &[],
        websocket: None,
        exit: Exit::without_report(Outcome::Failed),
    };
    Entry {
        ticket: attempt.ticket,
        disposition: Disposition::Done,
        line: line.to_line(),
        adds: Tally {
            failed: 1,
            poisoned: 1,
            ..Tally::default()
        },
    }
}

/// How an attempt ended.
struct Attempted {
    outcome: JobOutcome,
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
    Outcome(JobOutcome, String),
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
                outcome: JobOutcome::default(),
                error: Some("the code of the job panicked".to_owned()),
                exit: Ended::Panicked,
            },
        }
    }

    async fn attempt_in_context(&self, job: &Arc<Job>, trace: &JobTrace) -> Attempted {
        let mut context = self.context.clone().name(format!("job {}", named(job)));
        if let Some(proxy) = &job.proxy {
            match reqwest::Proxy::all(proxy) {
                // Sessions of the pool are without it.
                Ok(proxy) => context = context.without_pool().proxy(proxy),
                Err(error) => {
                    return Attempted {
                        outcome: JobOutcome::default(),
                        error: Some(format!("proxy: {}", chain(&error.without_url()))),
                        exit: Ended::NotOpened,
                    };
                }
            }
        }
        let work = async {
            trace.note();
            let outcome = (self.code)(Arc::clone(job)).await;
            match outcome.first_error(self.fail_on_status) {
                None => Ok(outcome),
                Some(error) => Err(Failed::Outcome(outcome, error)),
            }
        };
        let (result, report) = context.open(work).with_report().await;
        let (outcome, error) = match result {
            Ok(outcome) => (outcome, None),
            Err(Failed::Outcome(outcome, error)) => (outcome, Some(error)),
            Err(Failed::Open(error)) => (JobOutcome::default(), Some(chain(&error))),
        };
        Attempted {
            outcome,
            error,
            exit: report.map_or(Ended::NotOpened, |report| Ended::Reported(Box::new(report))),
        }
    }

    fn entry(
        &self,
        ticket: crate::queue::Ticket,
        attempt: u32,
        job: &Job,
        attempted: &Attempted,
    ) -> Entry {
        let mut adds = Tally::default();
        adds.add_outcome(&attempted.outcome);
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
        let asked = attempted.outcome.retry_after();
        if failed && let Some(wait) = self.retry.after(attempt, asked) {
            adds.retried = u64::from(attempt == 1);
            return Entry {
                ticket,
                disposition: Disposition::Again {
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
            requests: &attempted.outcome.requests,
            websocket: attempted.outcome.websocket.as_deref(),
            exit,
        };
        Entry {
            ticket,
            disposition: Disposition::Done,
            line: line.to_line(),
            adds,
        }
    }
}

/// Logs how an attempt ended.
fn log_attempt(job: &Job, attempt: u32, attempted: &Attempted, disposition: Disposition) {
    match (&attempted.error, disposition) {
        (None, _) => tracing::debug!(
            job = named(job),
            attempts = attempt,
            requests = attempted.outcome.requests.len(),
            messages = attempted
                .outcome
                .websocket
                .as_ref()
                .map(|one| one.received_messages),
            "a job is done"
        ),
        (Some(error), Disposition::Done) => {
            tracing::info!(job = named(job), attempts = attempt, error, "a job failed");
        }
        (Some(error), Disposition::Again { wait, .. }) => tracing::info!(
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
