//! What a person may do to the jobs of a run while it goes on.

use std::sync::Weak;

use futures_util::future::BoxFuture;

use crate::queue::Ticket;

/// The control of a run, which ends with it.
pub(crate) type Control = Weak<dyn ControlsJobs>;

/// Does to jobs what is asked.
pub(crate) trait ControlsJobs: Send + Sync {
    /// Ends a job: it has failed, and is not tried again. A run of it is cut off.
    fn cancel(&self, job: JobName) -> BoxFuture<'_, Result<Done, NotDone>>;

    /// Runs a job as soon as there is a place: one that waits for its next attempt, or, as a job of its own,
    /// one that has failed for good.
    fn retry(&self, job: JobName) -> BoxFuture<'_, Result<Done, NotDone>>;
}

/// Which job is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobName {
    Ticket(Ticket),
    Id(String),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// A run of it is cut off.
    CutOff,
    /// A run of it by another process is cut off in a moment.
    CutOffElsewhere,
    /// It waits, and is settled as cancelled as soon as there is a place for it.
    WillNotRun,
    /// It waits, and runs as soon as there is a place for it.
    RunsNext,
    /// It was queued once more, under this id.
    QueuedAs(String),
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    #[error("no job of this name waits or runs here; it is done, or there never was one")]
    Unknown,
    #[error("the job runs, or is about to")]
    Runs,
    #[error("the job failed and is not kept: queue it again under another id")]
    NotKept,
    #[error("the job was queued again already, as {0}")]
    QueuedAlready(String),
    #[error("the worker is on its way out")]
    Draining,
    #[error("it cannot be done now: {0}")]
    Failed(String),
}
