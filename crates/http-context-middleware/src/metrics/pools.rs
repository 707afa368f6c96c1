//! The metrics of session pools, summed over all pools of the process.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use http_context::{PoolId, PoolStatus};
use metrics::{Counter, Gauge, Histogram};
use parking_lot::Mutex;

use super::catalogue;
use super::handle::Lazy;
use super::sink::{Sink, label};
use crate::attribute::STATE;

#[derive(Debug, Default)]
pub(crate) struct PoolMetrics {
    sink: Sink,
    /// Protects the counts. The gauges move after the lock.
    known: Mutex<Known>,
    gauges: Lazy<Gauges>,
    wait_time: Lazy<Histogram>,
    create_time: Lazy<Histogram>,
    use_time: Lazy<Histogram>,
    timeouts: Lazy<Counter>,
}

/// How many closed pools are remembered, in case a slow thread reports one of them late.
const GONE: usize = 64;

#[derive(Debug, Default)]
struct Known {
    /// The last counts of each pool. The gauges are the sums.
    pools: HashMap<PoolId, Counts>,
    /// Closed and empty pools, in the order of their close.
    gone: VecDeque<PoolId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sequence: u64,
    max: f64,
    used: f64,
    idle: f64,
    pending: f64,
}

#[derive(Debug)]
struct Gauges {
    max: Gauge,
    used: Gauge,
    idle: Gauge,
    pending: Gauge,
}

impl PoolMetrics {
    pub(crate) fn new(sink: Sink) -> Self {
        Self {
            sink,
            ..Self::default()
        }
    }

    /// Moves the gauges by the change since the last status of the pool. An older status is
    /// ignored; a closed and empty pool counts no more.
    pub(crate) fn update(&self, status: &PoolStatus) {
        let is_gone = status.is_closed && (status.used, status.idle, status.waiting) == (0, 0, 0);
        let now = Counts {
            sequence: status.sequence,
            max: to_f64(if is_gone { 0 } else { status.max_size }),
            used: to_f64(status.used),
            idle: to_f64(status.idle),
            pending: to_f64(status.waiting),
        };
        let Some(before) = self.known.lock().replace(status.pool, now, is_gone) else {
            return;
        };
        let gauges = self.gauges();
        // The sum of steps does not depend on their order. Steps of zero count: OpenTelemetry
        // exports a gauge from its first step on.
        for (gauge, step) in [
            (&gauges.max, now.max - before.max),
            (&gauges.used, now.used - before.used),
            (&gauges.idle, now.idle - before.idle),
            (&gauges.pending, now.pending - before.pending),
        ] {
            gauge.increment(step);
        }
    }

    fn gauges(&self) -> &Gauges {
        self.gauges.get_or_take(|| {
            let sessions = |state| {
                let labels = vec![label(STATE, state)];
                self.sink.gauge(&catalogue::POOL_SESSIONS, labels)
            };
            Gauges {
                max: self.sink.gauge(&catalogue::POOL_MAX, Vec::new()),
                used: sessions("used"),
                idle: sessions("idle"),
                pending: self
                    .sink
                    .gauge(&catalogue::POOL_PENDING_REQUESTS, Vec::new()),
            }
        })
    }

    pub(crate) fn waited(&self, waited: Duration) {
        self.wait_time
            .get_or_take(|| self.sink.histogram(&catalogue::POOL_WAIT_TIME, Vec::new()))
            .record(waited);
    }

    pub(crate) fn created(&self, took: Duration) {
        self.create_time
            .get_or_take(|| {
                self.sink
                    .histogram(&catalogue::POOL_CREATE_TIME, Vec::new())
            })
            .record(took);
    }

    pub(crate) fn used(&self, used: Duration) {
        self.use_time
            .get_or_take(|| self.sink.histogram(&catalogue::POOL_USE_TIME, Vec::new()))
            .record(used);
    }

    pub(crate) fn timed_out(&self) {
        self.timeouts
            .get_or_take(|| self.sink.counter(&catalogue::POOL_TIMEOUTS, Vec::new()))
            .increment(1);
    }
}

impl Known {
    /// Returns the previous counts; `None` when those are newer.
    fn replace(&mut self, pool: PoolId, now: Counts, is_gone: bool) -> Option<Counts> {
        let known = self.pools.entry(pool).or_default();
        if now.sequence < known.sequence {
            return None;
        }
        let before = std::mem::replace(known, now);
        if is_gone {
            self.note_gone(pool);
        }
        Some(before)
    }

    /// Forgets the oldest one, when they are too many.
    fn note_gone(&mut self, pool: PoolId) {
        if self.gone.contains(&pool) {
            return;
        }
        self.gone.push_back(pool);
        if self.gone.len() > GONE
            && let Some(first) = self.gone.pop_front()
        {
            self.pools.remove(&first);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use http_context::SessionPool;

    use super::*;

    #[tokio::test]
    async fn of_pools_that_are_gone_only_some_are_remembered() {
        let metrics = PoolMetrics::default();
        let open = SessionPool::builder().build();
        metrics.update(&open.status());
        for _ in 0..1000 {
            let pool = SessionPool::builder().build();
            pool.close().await;
            metrics.update(&pool.status());
            metrics.update(&pool.status());
        }
        assert_eq!(metrics.known.lock().pools.len(), 1 + GONE);
    }
}
