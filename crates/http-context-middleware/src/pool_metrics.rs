//! The metrics of session pools, all pools of the process together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use http_context::{PoolId, PoolStatus};
use metrics::{Counter, Gauge, Histogram};

use crate::attribute::STATE;
use crate::catalogue;
use crate::sink::{Lazy, Sink, label};

#[derive(Debug, Default)]
pub(crate) struct PoolMetrics {
    sink: Sink,
    /// What each pool told last. The gauges are the sums.
    told: Mutex<HashMap<PoolId, Counts>>,
    gauges: Lazy<Gauges>,
    wait_time: Lazy<Histogram>,
    create_time: Lazy<Histogram>,
    use_time: Lazy<Histogram>,
    timeouts: Lazy<Counter>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
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

    /// Moves the gauges to what a pool tells now. Once it is closed, and nothing of it is left, it
    /// counts no more.
    pub(crate) fn told(&self, status: &PoolStatus) {
        let is_empty = (status.used, status.idle, status.waiting) == (0, 0, 0);
        if status.is_closed && is_empty {
            self.forget(status.pool);
            return;
        }
        let now = Counts {
            max: to_f64(status.max_size),
            used: to_f64(status.used),
            idle: to_f64(status.idle),
            pending: to_f64(status.waiting),
        };
        let gauges = self.gauges.get_or_init(|| {
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
        });
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert(status.pool, now).unwrap_or_default();
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
    }

    fn forget(&self, pool: PoolId) {
        let gone = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.remove(&pool)
        };
        if let (Some(gone), Some(gauges)) = (gone, self.gauges.get()) {
            gauges.max.decrement(gone.max);
            gauges.used.decrement(gone.used);
            gauges.idle.decrement(gone.idle);
            gauges.pending.decrement(gone.pending);
        }
    }

    pub(crate) fn waited(&self, waited: Duration) {
        self.wait_time
            .get_or_init(|| self.sink.histogram(&catalogue::POOL_WAIT_TIME, Vec::new()))
            .record(waited);
    }

    pub(crate) fn created(&self, took: Duration) {
        self.create_time
            .get_or_init(|| {
                self.sink
                    .histogram(&catalogue::POOL_CREATE_TIME, Vec::new())
            })
            .record(took);
    }

    pub(crate) fn used(&self, used: Duration) {
        self.use_time
            .get_or_init(|| self.sink.histogram(&catalogue::POOL_USE_TIME, Vec::new()))
            .record(used);
    }

    pub(crate) fn timed_out(&self) {
        self.timeouts
            .get_or_init(|| self.sink.counter(&catalogue::POOL_TIMEOUTS, Vec::new()))
            .increment(1);
    }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn to_f64(count: usize) -> f64 {
    count as f64
}
