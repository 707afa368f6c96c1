//! The one metric that is the worker's own: jobs, by what became of them.
//!
//! It has the sums of the state, those of the summary. What is `poisoned` is `failed` too, and what is
//! `retried` is any of them in the end. A run that goes on after a crash
//! goes on counting where the one before it stopped, and so the counter never goes down.

use metrics::{Counter, counter};

use crate::progress::tally::Tally;

/// Its Prometheus name in the telemetry catalogue, which describes it.
const NAME: &str = "http_context_worker_jobs_total";

/// The counters, as the recorder that is installed knows them.
pub(crate) struct JobMetrics {
    ok: Counter,
    failed: Counter,
    poisoned: Counter,
    retried: Counter,
    /// The sums that the counters have.
    counted: [u64; 4],
}

impl JobMetrics {
    /// Makes all series, at 0 in a process that has none yet.
    pub(crate) fn new() -> Self {
        Self {
            ok: counter!(NAME, "status" => "ok"),
            failed: counter!(NAME, "status" => "failed"),
            poisoned: counter!(NAME, "status" => "poisoned"),
            retried: counter!(NAME, "status" => "retried"),
            counted: [0; 4],
        }
    }

    /// Counts up to the sums as of a commit.
    pub(crate) fn update(&mut self, tally: &Tally) {
        let sums = [tally.ok, tally.failed, tally.poisoned, tally.retried];
        // By increments: what the counters go to may know no absolute numbers.
        let counters = [&self.ok, &self.failed, &self.poisoned, &self.retried];
        for ((counter, sum), counted) in counters.into_iter().zip(sums).zip(&mut self.counted) {
            counter.increment(sum.saturating_sub(*counted));
            // A queue that has forgotten what was settled has a smaller sum for a while.
            *counted = sum.max(*counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metric_is_in_the_catalogue() {
        let found = http_context_middleware::catalogue()
            .find(|metric| metric.prometheus_name == NAME)
            .unwrap();
        assert_eq!(found.attributes, ["status"]);
    }
}
