//! `enqueue`: the first half of a run, for a queue that others work off.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::grouped::counted;
use crate::input::{Input, JobsFrom};
use crate::job_queue::{JobQueue, Opened, QueueAddress};
use crate::jobs::Kinds;
use crate::progress::{Meter, Progress};
use crate::queue::{OutputKind, Queue};
use crate::results::output::Target;
use crate::run::asking::Asking;
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
        let (queued, rejected) = (counted(self.queued, "job"), counted(self.rejected, "line"));
        format!("{queued} queued, {rejected} rejected")
    }
}

/// Queues the jobs of the input to its end, or until a signal.
pub(crate) async fn enqueue(
    kinds: Arc<Kinds>,
    plan: &EnqueuePlan,
    signals: &Signals,
) -> Result<EnqueueSummary, Failure> {
    let input = Input::open(&plan.jobs)?;
    let (stop, asked) = (CancellationToken::new(), pin!(signals.first()));
    let mut asked = Asking::new(asked);
    let opened = JobQueue::open_until(&plan.queue, stop.clone());
    match asked.beside(&stop, opened).await?.opened() {
        Opened::Embedded { queue, .. } => {
            fill(queue.clone(), stop, kinds, input, plan, asked).await
        }
        #[cfg(feature = "redis")]
        Opened::Redis(queue) => fill(queue.clone(), stop, kinds, input, plan, asked).await,
        #[cfg(feature = "postgres")]
        Opened::Postgres(queue) => fill(queue.clone(), stop, kinds, input, plan, asked).await,
    }
}

async fn fill(
    queue: impl Queue,
    stop: CancellationToken,
    kinds: Arc<Kinds>,
    input: Input,
    plan: &EnqueuePlan,
    mut asked: Asking<'_, impl Future<Output = Signal>>,
) -> Result<EnqueueSummary, Failure> {
    let rejects = open_output(&queue, OutputKind::Rejects, &plan.rejects, None, true);
    let rejects = asked.beside(&stop, rejects).await?;
    let (meter, progress) = Meter::new(Progress::default());
    let mut reading = Box::pin(ingest(input, kinds, queue, rejects, meter, stop.clone()));
    let interrupted = tokio::select! {
        biased;
        read = &mut reading => {
            read?;
            None
        }
        signal = asked.by() => {
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
