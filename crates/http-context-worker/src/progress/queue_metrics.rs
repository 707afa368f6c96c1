//! Jobs of the queue by what they wait for, as a gauge: what a scaler goes by.
//!
//! What runs is this process's, and so is what has ended and waits to be settled: while a queue is away that may
//! be long, and a worker that runs nothing meanwhile is not to look as if it did. What waits is the whole
//! queue's, so that each of the processes which share one says the same of it. The figures are those of the last commit, or of the last attempt that began or
//! ended.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use metrics::{Gauge, gauge};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Progress;

/// Its Prometheus name in the telemetry catalogue, which describes it.
const NAME: &str = "http_context_worker_queue_jobs";

/// The gauges, as the recorder that is installed knows them.
pub(super) struct QueueMetrics {
    waiting: Gauge,
    running: Gauge,
    settling: Gauge,
    delayed: Gauge,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    running: u64,
    settling: u64,
    /// When jobs that wait for another attempt are due, by their numbers: those of this process that are not
    /// scheduled. Where a queue is shared it says how many there are.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl QueueMetrics {
    /// Makes all series, at 0 in a process that has none yet.
    pub(super) fn new() -> Self {
        Self {
            waiting: gauge!(NAME, "state" => "waiting"),
            running: gauge!(NAME, "state" => "running"),
            settling: gauge!(NAME, "state" => "settling"),
            delayed: gauge!(NAME, "state" => "delayed"),
            counts: Mutex::default(),
        }
    }

    pub(super) fn began(&self, progress: &Progress) {
        self.change(progress, |counts| counts.running += 1);
    }

    /// It runs no more, and is being settled.
    pub(super) fn settles(&self, progress: &Progress) {
        self.change(progress, |counts| {
            counts.running = counts.running.saturating_sub(1);
            counts.settling += 1;
        });
    }

    pub(super) fn ended(&self, was_settling: bool, progress: &Progress) {
        self.change(progress, |counts| {
            let counted = if was_settling {
                &mut counts.settling
            } else {
                &mut counts.running
            };
            *counted = counted.saturating_sub(1);
        });
    }

    /// The job of this number waits so long for its next attempt.
    pub(super) fn delay(&self, job: u64, wait: Duration) {
        let due = Instant::now() + wait;
        self.counts.lock().due.push(Reverse((due, job)));
    }

    /// The job of this number is due.
    pub(super) fn waits_no_more(&self, job: u64, progress: &Progress) {
        self.change(progress, |counts| {
            counts.due.retain(|Reverse((_, waits))| *waits != job);
        });
    }

    pub(super) fn update(&self, progress: &Progress) {
        self.change(progress, |_| ());
    }

    fn change(&self, progress: &Progress, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock();
        change(&mut counts);
        let (waiting, delayed) = match progress.shared {
            Some(shared) => shared,
            None => counts.of_this_process(progress),
        };
        self.running.set(to_f64(counts.running));
        self.settling.set(to_f64(counts.settling));
        self.waiting.set(to_f64(waiting));
        self.delayed.set(to_f64(delayed));
    }
}

impl Counts {
    fn of_this_process(&mut self, progress: &Progress) -> (u64, u64) {
        if let Some(Reverse((first, _))) = self.due.peek() {
            let now = Instant::now();
            let mut first = *first;
            while first <= now {
                self.due.pop();
                match self.due.peek() {
                    Some(Reverse((next, _))) => first = *next,
                    None => break,
                }
            }
        }
        let in_hand = self.running + self.settling;
        let left = progress.unfinished().saturating_sub(in_hand);
        let delayed = left.min(self.due.len() as u64 + progress.scheduled);
        (left - delayed, delayed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of jobs")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_job_that_is_left_counts_once_by_what_it_waits_for() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let queue = metrics::with_local_recorder(&recorder, QueueMetrics::new);
        let counted = || {
            let text = recorder.handle().render();
            ["waiting", "running", "settling", "delayed"].map(|state| {
                let name = format!("{NAME}{{state=\"{state}\"}} ");
                let line = text.lines().find_map(|line| line.strip_prefix(&name));
                line.unwrap().parse::<u64>().unwrap()
            })
        };
        let mut progress = Progress {
            queued: 5,
            ..Progress::default()
        };
        queue.update(&progress);
        assert_eq!(counted(), [5, 0, 0, 0]);
        queue.began(&progress);
        queue.began(&progress);
        assert_eq!(counted(), [3, 2, 0, 0]);
        queue.settles(&progress);
        assert_eq!(counted(), [3, 1, 1, 0]);
        queue.delay(7, Duration::from_secs(5));
        queue.delay(8, Duration::from_secs(5));
        queue.ended(true, &progress);
        assert_eq!(counted(), [2, 1, 0, 2]);
        queue.waits_no_more(8, &progress);
        assert_eq!(counted(), [3, 1, 0, 1]);
        tokio::time::advance(Duration::from_secs(5)).await;
        progress.finished = 1;
        queue.ended(false, &progress);
        assert_eq!(counted(), [4, 0, 0, 0]);
        progress.scheduled = 3;
        queue.update(&progress);
        assert_eq!(counted(), [1, 0, 0, 3]);
        progress.shared = Some((7, 8));
        queue.update(&progress);
        assert_eq!(counted(), [7, 0, 0, 8]);
    }

    #[test]
    fn the_metric_is_in_the_catalogue() {
        let found = http_context_middleware::catalogue()
            .find(|metric| metric.prometheus_name == NAME)
            .unwrap();
        assert_eq!(found.attributes, ["state"]);
    }
}
