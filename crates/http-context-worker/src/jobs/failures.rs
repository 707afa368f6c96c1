//! The attempts that failed last, for whoever looks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{JobContext, JobError};
use crate::queue::Ticket;

/// So many are kept, the last.
const KEPT: usize = 50;
/// The longest job that is kept with its failure, in bytes.
const LONGEST_JOB: usize = 64 * 1024;

/// The failures of a run, the last first.
#[derive(Clone, Default)]
pub(crate) struct RecentFailures(Arc<Inner>);

#[derive(Default)]
struct Inner {
    kept: Mutex<VecDeque<FailedAttempt>>,
    /// Whether somebody may ask for a failed job to be queued again.
    keeps_jobs: AtomicBool,
}

/// An attempt that failed.
#[derive(Clone, Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) ticket: Ticket,
    pub(crate) id: String,
    pub(crate) kind: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) error: String,
    /// The request that failed, as far as the job has said it.
    pub(crate) request: Option<String>,
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// How long its job waits for the next attempt; none where this was the last.
    pub(crate) retry_in: Option<Duration>,
    /// The job, where this was its last attempt. It holds secrets, and is shown to nobody.
    pub(crate) job: Option<Arc<str>>,
}

impl RecentFailures {
    /// From now on jobs that failed for good are kept with their failures.
    pub(crate) fn keep_jobs(&self) {
        self.0.keeps_jobs.store(true, Ordering::Relaxed);
    }

    pub(crate) fn add(
        &self,
        ticket: Ticket,
        context: &JobContext,
        error: &JobError,
        retry_in: Option<Duration>,
        job: &str,
    ) {
        let shared = context.shared();
        let is_kept = retry_in.is_none()
            && job.len() <= LONGEST_JOB
            && self.0.keeps_jobs.load(Ordering::Relaxed);
        let failed = FailedAttempt {
            ticket,
            id: context.id().to_owned(),
            kind: Arc::clone(&shared.kind),
            attempt: context.attempt(),
            error: error.to_text(),
            request: error.request(),
            at: Instant::now(),
            took: shared.began.elapsed(),
            retry_in,
            job: is_kept.then(|| job.into()),
        };
        let mut kept = self.0.kept.lock();
        kept.push_front(failed);
        kept.truncate(KEPT);
    }

    pub(crate) fn list(&self) -> Vec<FailedAttempt> {
        self.0.kept.lock().iter().cloned().collect()
    }

    /// The last failure of the job that this is true of.
    pub(crate) fn last(&self, is_it: impl Fn(&FailedAttempt) -> bool) -> Option<FailedAttempt> {
        self.0
            .kept
            .lock()
            .iter()
            .find(|failed| is_it(failed))
            .cloned()
    }
}
