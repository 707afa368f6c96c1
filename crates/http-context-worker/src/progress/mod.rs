//! How far a run is: written by the ingest and the writer of results, read by whoever waits or draws.

pub(crate) mod job_metrics;
mod queue_metrics;
pub(crate) mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::progress::queue_metrics::QueueMetrics;
use crate::progress::tally::Tally;

/// The state of a run, as of the last commits.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Jobs that this run has to do: those found in the state and those queued since.
    pub queued: u64,
    /// Jobs of these that were finished.
    pub finished: u64,
    /// Lines rejected, over the life of the state.
    pub rejected: u64,
    /// Whether the input was read to its end.
    pub read_all: bool,
    /// Whether the run is on its way out: no further job begins.
    pub draining: bool,
    /// Sums over the life of the state.
    pub tally: Tally,
    /// Jobs whose time has not come, where the queue is this process's.
    pub(crate) scheduled: u64,
    /// Where a queue is shared: how many of its jobs may run, and how many may not yet.
    pub(crate) shared: Option<(u64, u64)>,
}

impl Progress {
    /// Whether nothing is left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.read_all && self.finished >= self.queued
    }

    /// Jobs that are not finished.
    pub fn unfinished(&self) -> u64 {
        self.queued.saturating_sub(self.finished)
    }
}

/// The writing side, shared by the ingest, the writer of results, and the attempts.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Inner>);

struct Inner {
    progress: watch::Sender<Progress>,
    queue: QueueMetrics,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter")
            .field(&*self.0.progress.borrow())
            .finish()
    }
}

impl Meter {
    pub(crate) fn new(start: Progress) -> (Self, watch::Receiver<Progress>) {
        let (sender, receiver) = watch::channel(start);
        let queue = QueueMetrics::new();
        queue.update(&sender.borrow());
        let inner = Inner {
            progress: sender,
            queue,
        };
        (Self(Arc::new(inner)), receiver)
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.0.progress.send_modify(change);
        self.0.queue.update(&self.0.progress.borrow());
    }

    /// An attempt began.
    pub(crate) fn began(&self) {
        self.0.queue.began(&self.0.progress.borrow());
    }

    /// An attempt has ended, and is being settled.
    pub(crate) fn settles(&self) {
        self.0.queue.settles(&self.0.progress.borrow());
    }

    /// An attempt is settled, or was cut off.
    pub(crate) fn ended(&self, was_settling: bool) {
        self.0.queue.ended(was_settling, &self.0.progress.borrow());
    }

    /// The job of this number waits so long for its next attempt.
    pub(crate) fn delay(&self, job: u64, wait: Duration) {
        self.0.queue.delay(job, wait);
    }

    /// The job of this number is due, whatever it waited for.
    pub(crate) fn waits_no_more(&self, job: u64) {
        self.0.queue.waits_no_more(job, &self.0.progress.borrow());
    }
}
