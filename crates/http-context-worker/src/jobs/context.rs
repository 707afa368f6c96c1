//! What a job can ask of the worker that runs it.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::progress::tally::Tally;

/// One attempt at a job, as its function sees it. Clones are of the same attempt.
///
/// # Examples
///
/// ```
/// use http_context_worker::{JobContext, JobError};
///
/// async fn copy(pages: Vec<String>, job: JobContext) -> Result<u64, JobError> {
///     let all = pages.len() as u64;
///     for (done, page) in (0..).zip(&pages) {
///         job.progress(done, all);
///         // … copy the page; what has taken effect already is done again by the next attempt
///         let _ = page;
///     }
///     Ok(all)
/// }
/// ```
#[derive(Clone)]
pub struct JobContext(Arc<JobShared>);

/// What an attempt and those who look at it share.
pub(crate) struct JobShared {
    pub(crate) id: String,
    pub(crate) kind: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) began: Instant,
    pub(crate) deadline: Option<Instant>,
    /// Done when the worker is on its way out.
    pub(crate) stop: CancellationToken,
    /// How far the job is, and of how much.
    pub(crate) progress: Mutex<Option<(u64, u64)>>,
    /// What the job's function has counted, beside what the exit of its context tells.
    pub(crate) counted: Mutex<Tally>,
}

impl JobContext {
    pub(crate) fn new(shared: JobShared) -> Self {
        Self(Arc::new(shared))
    }

    pub(crate) fn shared(&self) -> &JobShared {
        &self.0
    }

    /// The id of the job, unique among all that its queue has ever had.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The name of its kind.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Which attempt this is: 1 for the first. An attempt that a worker did not live to end is not
    /// counted, so two may have the same number.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// When the attempt is cut off, if its kind has a deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Waits until the worker is on its way out, and the attempt should come to an end. What is not
    /// done when the drain timeout is over is cut off, and its job runs again.
    ///
    /// The future owns what it needs, and may be awaited anywhere.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: once the worker is on its way out, this is ready at once.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.stop.clone().cancelled_owned()
    }

    /// Whether the worker is on its way out.
    pub fn is_closing(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Shows how far the job is, on the live page and in `/debug/contexts`: `done` of `all`, in whatever
    /// unit the job counts in. Costs one uncontended lock.
    pub fn progress(&self, done: u64, all: u64) {
        *self.0.progress.lock() = Some((done, all));
    }

    /// Adds to the sums of the run.
    pub(crate) fn count(&self, add: impl FnOnce(&mut Tally)) {
        add(&mut self.0.counted.lock());
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("id", &self.0.id)
            .field("kind", &self.0.kind)
            .field("attempt", &self.0.attempt)
            .finish_non_exhaustive()
    }
}
