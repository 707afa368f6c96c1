//! `enqueue`: the first half of a run, for a queue that others work off.

use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::grouped::grouped;
use crate::input::{Input, JobsFrom};
use crate::job_queue::{JobQueue, Opened, QueueAddress};
use crate::jobs::Kinds;
use crate::progress::{Meter, Progress};
use crate::queue::{OutputKind, Queue};
use crate::results::output::Target;
use crate::run::ingest::ingest;
use crate::run::outputs::open_output;
use crate::run::signals::{Signal, Signals};

/// What to queue.
#[derive(Clone, Debug)]
pub(crate) struct EnqueuePlan {
    /// Where jobs come from.
    pub(crate) jobs: JobsFrom,
    /// Where rejected lines are reported.
    pub(crate) rejects: Target,
    /// Where jobs go.
    pub(crate) queue: QueueAddress,
}

/// What was queued.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EnqueueSummary {
    /// Jobs.
    pub(crate) queued: u64,
    /// Lines that are not jobs.
    pub(crate) rejected: u64,
    /// The signal that ended it before the input did.
    #[serde(skip)]
    pub(crate) interrupted: Option<Signal>,
}

impl EnqueueSummary {
    /// One line of JSON, without a line end.
    pub(crate) fn to_json(&self) -> String {
        // Numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A line for people, without a line end.
    pub(crate) fn to_sentence(&self) -> String {
        let (queued, rejected) = (grouped(self.queued), grouped(self.rejected));
        format!("{queued} jobs queued, {rejected} lines rejected")
    }
}

/// Queues the jobs of the input to its end, or until a signal.
pub(crate) async fn enqueue(
    kinds: Arc<Kinds>,
    plan: &EnqueuePlan,
    signals: &Signals,
) -> Result<EnqueueSummary, Failure> {
    let input = Input::open(&plan.jobs)?;
    let queue = JobQueue::open(&plan.queue).await?;
    match queue.opened() {
        Opened::Embedded { queue, .. } => {
            let (queue, stop) = (queue.clone(), CancellationToken::new());
            fill(queue, stop, kinds, input, plan, signals).await
        }
        #[cfg(feature = "redis")]
        Opened::Redis { queue, stop } => {
            let (queue, stop) = (queue.clone(), stop.clone());
            fill(queue, stop, kinds, input, plan, signals).await
        }
        #[cfg(feature = "postgres")]
        Opened::Postgres { queue, stop } => {
            let (queue, stop) = (queue.clone(), stop.clone());
            fill(queue, stop, kinds, input, plan, signals).await
        }
    }
}

async fn fill(
    queue: impl Queue,
    stop: CancellationToken,
    kinds: Arc<Kinds>,
    input: Input,
    plan: &EnqueuePlan,
    signals: &Signals,
) -> Result<EnqueueSummary, Failure> {
    let rejects = open_output(&queue, OutputKind::Rejects, &plan.rejects, None, true).await?;
    let (meter, progress) = Meter::new(Progress::default());
    let mut reading = Box::pin(ingest(input, kinds, queue, rejects, meter, stop.clone()));
    let interrupted = tokio::select! {
        biased;
        read = &mut reading => {
            read?;
            None
        }
        signal = signals.first() => {
            // The batch under way is still committed.
            stop.cancel();
            reading.await?;
            Some(signal)
        }
    };
    let progress = progress.borrow().clone();
    Ok(EnqueueSummary {
        queued: progress.queued,
        rejected: progress.rejected,
        interrupted: interrupted.filter(|_| !progress.read_all),
    })
}
