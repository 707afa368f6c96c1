//! How far a run is: written by the ingest and the writer of results, read by whoever waits or draws.

pub(crate) mod job_metrics;
pub(crate) mod tally;

use tokio::sync::watch;

use crate::progress::tally::Tally;

/// The state of a run, as of the last commits.
#[derive(Clone, Debug, Default)]
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

/// The writing side, shared by the ingest and the writer of results.
#[derive(Clone, Debug)]
pub(crate) struct Meter(std::sync::Arc<watch::Sender<Progress>>);

impl Meter {
    pub(crate) fn new(start: Progress) -> (Self, watch::Receiver<Progress>) {
        let (sender, receiver) = watch::channel(start);
        (Self(std::sync::Arc::new(sender)), receiver)
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.0.send_modify(change);
    }
}
