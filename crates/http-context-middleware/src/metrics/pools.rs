//! The metrics of session pools, all pools of the process together.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use http_context::{PoolId, PoolStatus};
use metrics::{Counter, Gauge, Histogram};

use super::catalogue;
use super::handle::Lazy;
use super::sink::{Sink, label};
use crate::attribute::STATE;

#[derive(Debug, Default)]
pub(crate) struct PoolMetrics {
    sink: Sink,
    told: Mutex<Told>,
    gauges: Lazy<Gauges>,
    wait_time: Lazy<Histogram>,
    create_time: Lazy<Histogram>,
    use_time: Lazy<Histogram>,
    timeouts: Lazy<Counter>,
}

/// Of so many pools that are gone it is known that they are, should a slow thread tell of them still.
const GONE: usize = 64;

#[derive(Debug, Default)]
struct Told {
    /// What each pool told last. The gauges are the sums.
    pools: HashMap<PoolId, Counts>,
    /// Those that are closed and empty, in the order in which they came to be.
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

    /// Moves the gauges to what a pool tells, unless it told of a later moment before. A pool that
    /// is closed, and of which nothing is left, counts no more.
    pub(crate) fn told(&self, status: &PoolStatus) {
        let is_gone = status.is_closed && (status.used, status.idle, status.waiting) == (0, 0, 0);
        let now = Counts {
            sequence: status.sequence,
            max: to_f64(if is_gone { 0 } else { status.max_size }),
            used: to_f64(status.used),
            idle: to_f64(status.idle),
            pending: to_f64(status.waiting),
        };
        let gauges = self.gauges();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.pools.entry(status.pool).or_default();
        if now.sequence < known.sequence {
            return;
        }
        let before = std::mem::replace(known, now);
        // Under the lock, so that steps of one pool follow one another. Also steps of zero: by its
        // first step a gauge begins to be there for OpenTelemetry.
        for (gauge, step) in [
            (&gauges.max, now.max - before.max),
            (&gauges.used, now.used - before.used),
            (&gauges.idle, now.idle - before.idle),
            (&gauges.pending, now.pending - before.pending),
        ] {
            gauge.increment(step);
        }
        if is_gone {
            told.is_gone(status.pool);
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

impl Told {
    /// Forgets the pool that went first, when they are too many.
    fn is_gone(&mut self, pool: PoolId) {
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
        metrics.told(&open.status());
        for _ in 0..1000 {
            let pool = SessionPool::builder().build();
            pool.close().await;
            metrics.told(&pool.status());
            metrics.told(&pool.status());
        }
        assert_eq!(metrics.told.lock().unwrap().pools.len(), 1 + GONE);
    }
}
