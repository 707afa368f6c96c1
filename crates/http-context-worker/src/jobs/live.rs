//! The attempts that are under way, for whoever looks.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{JobContext, RecentFailures};
use crate::progress::{Meter, Progress};
use crate::queue::Ticket;

/// What can be seen of a run while it goes on.
#[derive(Clone)]
pub(crate) struct RunView {
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) jobs: LiveJobs,
    pub(crate) failures: RecentFailures,
}

/// The attempts of a run.
#[derive(Clone)]
pub(crate) struct LiveJobs {
    jobs: Arc<Mutex<HashMap<Ticket, JobContext>>>,
    meter: Meter,
}

impl LiveJobs {
    pub(crate) fn new(meter: Meter) -> Self {
        Self {
            jobs: Arc::default(),
            meter,
        }
    }

    /// It is there until what is returned is dropped.
    pub(crate) fn enter(&self, ticket: Ticket, context: &JobContext) -> LiveJob {
        self.jobs.lock().insert(ticket, context.clone());
        self.meter.began();
        LiveJob {
            jobs: self.clone(),
            ticket,
        }
    }

    /// The longest under way first, so many at most; and how many there are.
    pub(crate) fn oldest(&self, at_most: usize) -> (Vec<JobContext>, usize) {
        let mut all: Vec<JobContext> = self.jobs.lock().values().cloned().collect();
        let count = all.len();
        all.sort_by_key(|job| job.shared().began);
        all.truncate(at_most);
        (all, count)
    }
}

/// An attempt that is under way.
pub(crate) struct LiveJob {
    jobs: LiveJobs,
    ticket: Ticket,
}

impl Drop for LiveJob {
    fn drop(&mut self) {
        self.jobs.jobs.lock().remove(&self.ticket);
        self.jobs.meter.ended();
    }
}
