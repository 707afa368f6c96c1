//! How an attempt ended, and what its function sees of it while it goes on.

use std::sync::Arc;

use http_context::{ExitReport, Outcome};
use tokio::time::Instant;

use super::Shared;
use crate::jobs::{JobContext, JobEnd, JobError, JobOutput, JobShared, KnownKind};
use crate::queue::{Attempt, Disposition, InHand};

/// The error of a job whose end was asked for.
pub(super) const CANCELLED: &str = "cancelled at the admin endpoint";

/// How an attempt ended.
pub(super) struct Attempted<'k> {
    pub(super) kind: Option<&'k KnownKind>,
    pub(super) result: Result<JobOutput, JobError>,
    pub(super) exit: Ended,
}

/// What is known of the context's exit.
pub(super) enum Ended {
    Reported(Arc<ExitReport>),
    /// The work panicked or was dropped: the report went to the observer alone.
    Unreported(Outcome),
    /// There was no context.
    NotOpened,
}

impl Attempted<'_> {
    pub(super) fn failed(error: JobError, exit: Ended) -> Self {
        Self {
            kind: None,
            result: Err(error),
            exit,
        }
    }

    /// Somebody has asked for the end of the job.
    pub(super) fn cancelled(exit: Ended) -> Self {
        Self::failed(JobError::fatal(CANCELLED), exit)
    }

    /// What came to its end just when it was cancelled: one that has failed is not tried again.
    pub(super) fn unless_cancelled(self, in_hand: &InHand) -> Self {
        if self.result.is_ok() || !in_hand.is_cancelled() {
            return self;
        }
        Self {
            kind: self.kind,
            ..Self::cancelled(self.exit)
        }
    }

    pub(super) fn end(&self, context: &JobContext, disposition: Disposition) -> JobEnd {
        JobEnd {
            error: self.result.as_ref().err().map(JobError::to_text),
            retry_in: match disposition {
                Disposition::Done => None,
                Disposition::Again { wait, .. } => Some(wait),
            },
            duration: context.shared().began.elapsed(),
            exit: match &self.exit {
                Ended::Reported(report) => Some(Arc::clone(report)),
                _ => None,
            },
        }
    }
}

impl Shared {
    pub(super) fn context_of(
        &self,
        attempt: &Attempt,
        id: &str,
        kind: Option<&&KnownKind>,
    ) -> JobContext {
        let began = Instant::now();
        JobContext::new(JobShared {
            id: id.to_owned(),
            kind: kind.map_or_else(|| "unknown".into(), |kind| Arc::clone(&kind.name)),
            attempt: attempt.number,
            began,
            deadline: kind
                .and_then(|kind| kind.kind.deadline())
                .map(|limit| began + limit),
            stop: self.stop.clone(),
            progress: parking_lot::Mutex::default(),
            counted: parking_lot::Mutex::default(),
        })
    }
}
