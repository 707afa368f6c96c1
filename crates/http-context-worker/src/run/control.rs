//! Cancelling and retrying the jobs of a run.
//!
//! A result stands once for each id. So a job that has failed for good does not run again under its id: it
//! is queued as a job of its own, whose id says which one it is another try at. Asked twice, that is done
//! once.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error_text::chain;
use crate::job_queue::{Enqueued, JobQueue};
use crate::jobs::{
    ControlsJobs, Done, FailedAttempt, JobName, LiveJobs, NotDone, RecentFailures, RunView,
};
use crate::progress::{Meter, Progress};
use crate::queue::{Ask, Cancellations, Queue, QueueError, Ticket, Whereabouts};

/// Stands between the id of a job that failed and the number of the retry.
const RETRY: &str = "~retry";

/// The control of one run.
pub(super) struct RunControl<Q> {
    pub(super) queue: Q,
    /// The same queue, as jobs are put into it by calls.
    pub(super) enqueues: JobQueue,
    pub(super) live: LiveJobs,
    pub(super) failures: RecentFailures,
    pub(super) cancellations: Cancellations,
    pub(super) meter: Meter,
    pub(super) stop: CancellationToken,
}

impl<Q: Queue> ControlsJobs for RunControl<Q> {
    fn cancel(&self, job: JobName) -> BoxFuture<'_, Result<Done, NotDone>> {
        async move {
            self.is_open()?;
            let ticket = self.ticket_of(job).await?;
            // Also while the queue does not answer.
            let is_cut_off = self.cancellations.cancel(ticket);
            let found = self.bring_forward(ticket, Ask::Cancel).await;
            if is_cut_off {
                return Ok(Done::CutOff);
            }
            match found? {
                Whereabouts::Waits => Ok(Done::WillNotRun),
                Whereabouts::InHand if self.cancellations.has_in_hand(ticket) => Ok(Done::CutOff),
                Whereabouts::InHand => Ok(Done::CutOffElsewhere),
                Whereabouts::Gone => Err(NotDone::Unknown),
            }
        }
        .boxed()
    }

    fn retry(&self, job: JobName) -> BoxFuture<'_, Result<Done, NotDone>> {
        async move {
            self.is_open()?;
            let failed = self.failures.last(|failed| match &job {
                JobName::Ticket(ticket) => failed.ticket == *ticket,
                JobName::Id(id) => failed.id == *id,
            });
            if let Some(failed) = &failed
                && failed.retry_in.is_none()
            {
                return self.queue_again(failed).await;
            }
            let ticket = self.ticket_of(job).await?;
            if self.cancellations.has_in_hand(ticket) {
                return Err(NotDone::Runs);
            }
            match self.bring_forward(ticket, Ask::RunNow).await? {
                Whereabouts::Waits => Ok(Done::RunsNext),
                Whereabouts::InHand => Err(NotDone::Runs),
                Whereabouts::Gone => Err(NotDone::Unknown),
            }
        }
        .boxed()
    }
}

impl<Q: Queue> RunControl<Q> {
    /// Shows the run. It can be controlled for as long as what is returned is kept.
    pub(super) fn show(
        self,
        progress: watch::Receiver<Progress>,
        show: impl FnOnce(RunView),
    ) -> Arc<dyn ControlsJobs> {
        let (jobs, failures) = (self.live.clone(), self.failures.clone());
        let control: Arc<dyn ControlsJobs> = Arc::new(self);
        show(RunView {
            progress,
            jobs,
            failures,
            control: Arc::downgrade(&control),
        });
        control
    }

    fn is_open(&self) -> Result<(), NotDone> {
        if self.stop.is_cancelled() {
            return Err(NotDone::Draining);
        }
        Ok(())
    }

    /// The number of a job: what is known here first, since the queue has to look at every job it has.
    async fn ticket_of(&self, job: JobName) -> Result<Ticket, NotDone> {
        let id = match job {
            JobName::Ticket(ticket) => return Ok(ticket),
            JobName::Id(id) => id,
        };
        if let Some(ticket) = self.live.find(&id) {
            return Ok(ticket);
        }
        let waits = |failed: &FailedAttempt| failed.id == id && failed.retry_in.is_some();
        if let Some(failed) = self.failures.last(waits) {
            return Ok(failed.ticket);
        }
        let found = self.queue.find(&id).await.map_err(|error| failed(&error))?;
        found.ok_or(NotDone::Unknown)
    }

    async fn bring_forward(&self, ticket: Ticket, ask: Ask) -> Result<Whereabouts, NotDone> {
        let found = self.queue.bring_forward(ticket, ask).await;
        let found = found.map_err(|error| failed(&error))?;
        if found == Whereabouts::Waits {
            self.meter.waits_no_more(ticket.0);
        }
        Ok(found)
    }

    async fn queue_again(&self, failed: &FailedAttempt) -> Result<Done, NotDone> {
        let Some(job) = &failed.job else {
            return Err(NotDone::NotKept);
        };
        let not_done = |error: &(dyn std::error::Error + 'static)| NotDone::Failed(chain(error));
        let job: Map<String, Value> =
            serde_json::from_str(job).map_err(|error| not_done(&error))?;
        let id = id_of_retry(&failed.id);
        match self.enqueues.enqueue(&id, &job).await {
            Ok(Enqueued::Queued) => Ok(Done::QueuedAs(id)),
            Ok(Enqueued::Known) => Err(NotDone::QueuedAlready(id)),
            Err(error) => Err(not_done(&error)),
        }
    }
}

fn failed(error: &QueueError) -> NotDone {
    NotDone::Failed(error.to_string())
}

/// The id under which a job that failed is queued again: that of the first one, and the number of the retry.
fn id_of_retry(id: &str) -> String {
    let retried = id.rsplit_once(RETRY).and_then(|(first, number)| {
        let number: u32 = number.parse().ok()?;
        Some((first, number.checked_add(1)?))
    });
    let (first, number) = retried.unwrap_or((id, 1));
    format!("{first}{RETRY}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_named_after_the_first_job_and_counted() {
        for (id, retry) in [
            ("a", "a~retry1"),
            ("a~retry1", "a~retry2"),
            ("a~retry9", "a~retry10"),
            ("a~retry", "a~retry~retry1"),
            ("~retry4294967295", "~retry4294967295~retry1"),
        ] {
            assert_eq!(id_of_retry(id), retry);
        }
    }
}
