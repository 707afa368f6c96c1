//! Handles of the `metrics` facade on OpenTelemetry instruments.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{CounterFn, GaugeFn, HistogramFn};
use opentelemetry::KeyValue;
use opentelemetry::metrics as otel;
use parking_lot::Mutex;

#[derive(Debug)]
pub(super) struct CounterHandle {
    counter: otel::Counter<u64>,
    attributes: Vec<KeyValue>,
    /// The current value, from which `absolute` computes its step.
    value: AtomicU64,
}

impl CounterHandle {
    pub(super) fn new(counter: otel::Counter<u64>, attributes: Vec<KeyValue>) -> Self {
        Self {
            counter,
            attributes,
            value: AtomicU64::new(0),
        }
    }
}

impl CounterFn for CounterHandle {
    fn increment(&self, by: u64) {
        self.value.fetch_add(by, Ordering::Relaxed);
        self.counter.add(by, &self.attributes);
    }

    fn absolute(&self, to: u64) {
        let before = self.value.fetch_max(to, Ordering::Relaxed);
        self.counter
            .add(to.saturating_sub(before), &self.attributes);
    }
}

#[derive(Debug)]
pub(super) struct GaugeHandle {
    counter: otel::UpDownCounter<f64>,
    attributes: Vec<KeyValue>,
    /// The current value, from which `set` computes its step. The lock protects the value alone:
    /// the instrument is called after it, and the sum of steps does not depend on their order.
    value: Mutex<f64>,
}

impl GaugeHandle {
    pub(super) fn new(counter: otel::UpDownCounter<f64>, attributes: Vec<KeyValue>) -> Self {
        Self {
            counter,
            attributes,
            value: Mutex::new(0.0),
        }
    }

    fn step(&self, step: impl FnOnce(f64) -> f64) {
        let mut value = self.value.lock();
        let next = step(*value);
        let before = std::mem::replace(&mut *value, next);
        drop(value);
        self.counter.add(next - before, &self.attributes);
    }
}

impl GaugeFn for GaugeHandle {
    fn increment(&self, by: f64) {
        self.step(|value| value + by);
    }

    fn decrement(&self, by: f64) {
        self.step(|value| value - by);
    }

    fn set(&self, to: f64) {
        self.step(|_| to);
    }
}

#[derive(Debug)]
pub(super) struct HistogramHandle {
    histogram: otel::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramHandle {
    pub(super) fn new(histogram: otel::Histogram<f64>, attributes: Vec<KeyValue>) -> Self {
        Self {
            histogram,
            attributes,
        }
    }
}

impl HistogramFn for HistogramHandle {
    fn record(&self, value: f64) {
        self.histogram.record(value, &self.attributes);
    }
}
