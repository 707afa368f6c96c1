//! The names of the keys. The first part of each is the name of the queue.
//!
//! The engine's own (`active`, `data`, `meta:*`, `inflight:*`, `workers`, `workers:metadata:*`) are as
//! apalis-redis has them; the others are ours.

use apalis_redis::Config;

use crate::queue::OutputKind;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    queue: String,
    config: Config,
}

impl Keys {
    pub(super) fn new(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            config: Config::default().queue(queue),
        }
    }

    pub(super) fn queue(&self) -> &str {
        &self.queue
    }

    /// The list of jobs that may run now, in the order in which they are handed out.
    pub(super) fn active(&self) -> String {
        self.config.active_jobs_list()
    }

    /// Every job that is not finished, by its task's id.
    pub(super) fn data(&self) -> String {
        self.config.job_data_hash()
    }

    /// What stands before a task's id in the key of what the engine knows of it.
    pub(super) fn meta(&self) -> String {
        self.config.job_meta_hash()
    }

    /// What stands before a worker's name in the key of what was handed out to it.
    pub(super) fn inflight(&self) -> String {
        self.config.inflight_jobs_set()
    }

    pub(super) fn inflight_of(&self, worker: &str) -> String {
        format!("{}:{worker}", self.inflight())
    }

    /// Workers by when they were last heard of.
    pub(super) fn workers(&self) -> String {
        self.config.workers_set()
    }

    /// What stands before a worker's name in the key of what is known of it.
    pub(super) fn worker_metadata(&self) -> String {
        format!("{}:workers:metadata", self.queue)
    }

    /// Jobs that wait for their next attempt, by when they are due.
    pub(super) fn retry(&self) -> String {
        self.ours("retry")
    }

    /// Jobs whose time has not come, by when it does.
    pub(super) fn scheduled(&self) -> String {
        self.ours("scheduled")
    }

    /// Jobs that were cancelled while a worker had them in hand, by when that was.
    pub(super) fn cancelled(&self) -> String {
        self.ours("cancelled")
    }

    /// Every id that was ever queued, with its line.
    pub(super) fn ids(&self) -> String {
        self.ours("ids")
    }

    /// How far files of jobs were read, by host and path.
    pub(super) fn inputs(&self) -> String {
        self.ours("inputs")
    }

    /// The number of the job that is queued next.
    pub(super) fn next(&self) -> String {
        self.ours("next")
    }

    /// The format of what is ours.
    pub(super) fn format(&self) -> String {
        self.ours("format")
    }

    /// The last batch of a series that was queued.
    pub(super) fn added_by(&self, series: &str) -> String {
        self.ours(&format!("added:{series}"))
    }

    /// The recorded length of one output file, and its sums.
    pub(super) fn output(&self, kind: OutputKind, target: &str) -> String {
        self.ours(&format!("{}:{target}", kind.as_str()))
    }

    fn ours(&self, name: &str) -> String {
        format!("{}:{name}", self.queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_scalers_watch_has_its_documented_name() {
        assert_eq!(Keys::new("http-context").active(), "http-context:active");
    }
}
