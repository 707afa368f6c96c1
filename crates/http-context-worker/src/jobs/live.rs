//! The attempts that are under way, for whoever looks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Control, JobContext, RecentFailures};
use crate::progress::{Meter, Progress};
use crate::queue::Ticket;

/// What can be seen of a run while it goes on.
#[derive(Clone)]
pub(crate) struct RunView {
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) jobs: LiveJobs,
    pub(crate) failures: RecentFailures,
    pub(crate) control: Control,
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
            is_settling: false,
        }
    }

    /// The number of the job with this id, if it is under way.
    pub(crate) fn find(&self, id: &str) -> Option<Ticket> {
        let jobs = self.jobs.lock();
        jobs.iter()
            .find_map(|(ticket, job)| (job.id() == id).then_some(*ticket))
    }

    /// How many of each kind are under way.
    pub(crate) fn by_kind(&self) -> BTreeMap<Arc<str>, usize> {
        let mut counts = BTreeMap::new();
        for job in self.jobs.lock().values() {
            *counts.entry(Arc::clone(&job.shared().kind)).or_default() += 1;
        }
        counts
    }

    /// The longest under way first, so many at most; and how many there are.
    pub(crate) fn oldest(&self, at_most: usize) -> (Vec<(Ticket, JobContext)>, usize) {
        let jobs = self.jobs.lock();
        let mut all: Vec<_> = jobs
            .iter()
            .map(|(ticket, job)| (*ticket, job.clone()))
            .collect();
        drop(jobs);
        let count = all.len();
        all.sort_by_key(|(_, job)| job.shared().began);
        all.truncate(at_most);
        (all, count)
    }
}

/// An attempt that is under way.
pub(crate) struct LiveJob {
    jobs: LiveJobs,
    ticket: Ticket,
    is_settling: bool,
}

impl LiveJob {
    /// It has ended. It is there until it is settled, and runs no more.
    pub(crate) fn settles(&mut self) {
        self.is_settling = true;
        self.jobs.meter.settles();
    }
}

impl Drop for LiveJob {
    fn drop(&mut self) {
        self.jobs.jobs.lock().remove(&self.ticket);
        self.jobs.meter.ended(self.is_settling);
    }
}
