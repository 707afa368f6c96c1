//! One attempt at a job: in a context of its own, from open to its line in the results.
//!
//! The context is opened here and not by the tower layer, for two reasons: each job brings its own
//! proxy, and the exit report is part of its result line. The layer order that makes the context
//! visible to the handler is the same: the engine spawns each attempt as a task
//! ([`Queue::work`](crate::queue::Queue::work)), and the context is opened inside that task.

mod attempted;
mod entry;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http_context::{ContextBuilder, OpenError, Outcome, Redaction};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::attempted::{Attempted, Ended};
use self::entry::{cancelled, log_attempt, poisoned, unreadable};
use crate::error_text::chain;
use crate::jobs::{Begun, Hooks, JobContext, JobError, Kinds, KnownKind, LiveJobs, RecentFailures};
use crate::line::BadField;
use crate::log::JobTrace;
use crate::panics;
use crate::queue::{Ask, Attempt, Cancellations, Disposition, Handler, Queue};
use crate::redact::redacted;
use crate::result_writer::ResultSink;
use crate::retry::RetryPolicy;

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
    pub(crate) kinds: Arc<Kinds>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) retry: RetryPolicy,
    /// How many workers may crash with a job in hand.
    pub(crate) max_crashes: u32,
    /// Held by the one job under way that is poisoned if this worker crashes too: so it is not blamed
    /// for another one of its kind.
    pub(crate) last_chance: Semaphore,
    pub(crate) sink: ResultSink,
    pub(crate) live: LiveJobs,
    pub(crate) failures: RecentFailures,
    pub(crate) cancellations: Cancellations,
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
        let text = attempt.job.as_str();
        let Ok(header) = self.shared.kinds.header(text) else {
            self.shared.sink.settle(unreadable(&attempt)).await;
            return;
        };
        let in_hand = self.shared.cancellations.enter(attempt.ticket);
        if attempt.is_cancelled || in_hand.is_cancelled() {
            let entry = cancelled(&attempt, &header.id, &self.shared.kinds);
            self.shared.sink.settle(entry).await;
            return;
        }
        if attempt.crashes >= self.shared.max_crashes {
            let entry = poisoned(&attempt, &header.id, &self.shared.kinds);
            self.shared.sink.settle(entry).await;
            return;
        }
        let kind = self.shared.kinds.of(&header);
        let may_begin = async {
            let slot = match &kind {
                Ok(KnownKind {
                    slots: Some(slots), ..
                }) => slots.acquire().await.ok(),
                _ => None,
            };
            let last_chance = self.may_begin(&attempt).await?;
            Some((slot, last_chance))
        };
        let _held = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return,
            () = in_hand.cancelled() => {
                let entry = cancelled(&attempt, &header.id, &self.shared.kinds);
                self.shared.sink.settle(entry).await;
                return;
            }
            held = may_begin => match held {
                Some(held) => held,
                None => return,
            },
        };
        let (context, trace) = (
            self.shared
                .context_of(&attempt, &header.id, kind.as_ref().ok()),
            JobTrace::default(),
        );
        let mut live = self.shared.live.enter(attempt.ticket, &context);
        let attempted = tokio::select! {
            biased;
            attempted = self.shared.attempt(kind.clone(), text, &context, &trace) => {
                attempted.unless_cancelled(&in_hand)
            }
            // The same to its context; the job has failed.
            () = in_hand.cancelled() => Attempted {
                kind: kind.as_ref().ok().copied(),
                ..Attempted::cancelled(Ended::Unreported(Outcome::Cancelled))
            },
            // Dropping the attempt cancels its context. The job stays in the queue.
            () = self.shared.until_cut(kind.as_ref().ok()) => {
                trace.says(|| tracing::info!(
                    job = named(context.id()),
                    attempt = attempt.number,
                    "a job was cut off, and stays in the queue"
                ));
                return;
            }
        };
        let entry = self.shared.entry(&attempt, &context, &attempted, text);
        trace.says(|| log_attempt(&context, &attempted, &entry));
        if self.shared.hooks.has_after() {
            let end = attempted.end(&context, entry.disposition);
            let after = self.shared.hooks.after(&context, &end);
            // What a hook does to itself is not done to the job.
            let _ = AssertUnwindSafe(after).catch_unwind().await;
        }
        live.settles();
        let is_to_come_again = entry.disposition != Disposition::Done;
        self.shared.sink.settle(entry).await;
        if is_to_come_again && in_hand.is_cancelled() {
            // Asked for too late for this attempt. A queue that fails says so to whoever asked.
            let _ = self.queue.bring_forward(attempt.ticket, Ask::Cancel).await;
        }
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

impl Shared {
    /// Waits until an attempt at a job of this kind is to be cut off: when all are, or, once the worker is
    /// on its way out, when the time of its kind is over.
    async fn until_cut(&self, kind: Option<&&KnownKind>) {
        let of_kind = async {
            match kind.and_then(|kind| kind.kind.drain_timeout()) {
                Some(limit) => {
                    self.stop.cancelled().await;
                    sleep(limit).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = of_kind => {}
        }
    }

    async fn attempt<'k>(
        &self,
        kind: Result<&'k KnownKind, BadField>,
        text: &str,
        context: &JobContext,
        trace: &JobTrace,
    ) -> Attempted<'k> {
        let kind = match kind {
            Ok(kind) => kind,
            Err(field) => {
                // Another worker of the queue may have it.
                return Attempted::failed(JobError::failed(field), Ended::NotOpened);
            }
        };
        let opened = AssertUnwindSafe(self.attempt_in_context(kind, text, context, trace));
        let attempted = match opened.catch_unwind().await {
            Ok(attempted) => attempted,
            Err(panic) => Attempted::failed(
                JobError::failed(panics::in_words(panic.as_ref())),
                Ended::Unreported(Outcome::Panicked),
            ),
        };
        Attempted {
            kind: Some(kind),
            ..attempted
        }
    }

    async fn attempt_in_context(
        &self,
        kind: &KnownKind,
        text: &str,
        context: &JobContext,
        trace: &JobTrace,
    ) -> Attempted<'static> {
        let options = self.context.clone();
        let options = options.name(format!("job {}", named(context.id())));
        let Begun { options, work } = match kind.kind.begin(text, context.clone(), options) {
            Ok(begun) => begun,
            Err(error) => return Attempted::failed(error, Ended::NotOpened),
        };
        let work = async {
            trace.note();
            self.hooks.before(context).await.map_err(Failed::Job)?;
            work.await.map_err(Failed::Job)
        };
        let opened = options.open(work).with_report();
        let opened = match context.deadline() {
            None => opened.await,
            // Dropping it cancels the context.
            Some(deadline) => {
                let Ok(opened) = timeout_at(deadline, opened).await else {
                    let limit = deadline - context.shared().began;
                    let error = format!("was not done within its deadline, {limit:?}");
                    let exit = Ended::Unreported(Outcome::Cancelled);
                    return Attempted::failed(JobError::failed(error), exit);
                };
                opened
            }
        };
        let (result, report) = opened;
        Attempted {
            kind: None,
            result: result.map_err(|failed| match failed {
                Failed::Job(error) => error,
                Failed::Open(error) => JobError::failed(chain(&error)),
            }),
            exit: report.map_or(Ended::NotOpened, |report| Ended::Reported(Arc::new(report))),
        }
    }
}

/// A failed attempt, as the context sees it: its work ended with an error.
enum Failed {
    Job(JobError),
    Open(OpenError),
}

impl From<OpenError> for Failed {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// The id of a job as it may be shown.
fn named(id: &str) -> String {
    redacted(id, &Redaction::default())
}
