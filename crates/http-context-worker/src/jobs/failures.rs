//! The attempts that failed last, for whoever looks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::JobContext;

/// So many are kept, the last.
const KEPT: usize = 50;

/// The failures of a run, the last first.
#[derive(Clone, Default)]
pub(crate) struct RecentFailures(Arc<Mutex<VecDeque<FailedAttempt>>>);

/// An attempt that failed.
#[derive(Clone, Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) id: String,
    pub(crate) kind: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) error: String,
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// How long its job waits for the next attempt; none where this was the last.
    pub(crate) retry_in: Option<Duration>,
}

impl RecentFailures {
    pub(crate) fn add(&self, context: &JobContext, error: &str, retry_in: Option<Duration>) {
        let shared = context.shared();
        let failed = FailedAttempt {
            id: context.id().to_owned(),
            kind: Arc::clone(&shared.kind),
            attempt: context.attempt(),
            error: error.to_owned(),
            at: Instant::now(),
            took: shared.began.elapsed(),
            retry_in,
        };
        let mut kept = self.0.lock();
        kept.push_front(failed);
        kept.truncate(KEPT);
    }

    pub(crate) fn list(&self) -> Vec<FailedAttempt> {
        self.0.lock().iter().cloned().collect()
    }
}
