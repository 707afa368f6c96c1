//! Metrics of the facade as OpenTelemetry instruments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{self as otel, Meter, MeterProvider};

use super::catalogue::catalogue;
use super::metric::Metric;
use crate::attribute::{HTTP_RESPONSE_STATUS_CODE, SERVER_PORT};

/// A recorder that makes OpenTelemetry instruments of what goes through the `metrics` facade.
///
/// The metrics of the catalogue get their OpenTelemetry names, units, descriptions and buckets,
/// whichever [`MetricNames`](crate::MetricNames) they go by; others keep the name they have. A
/// gauge becomes an up-down counter, as the HTTP conventions want it.
///
/// ```
/// use http_context_middleware::OpenTelemetryRecorder;
///
/// let recorder = OpenTelemetryRecorder::new(&*opentelemetry::global::meter_provider());
/// ```
#[derive(Debug)]
pub struct OpenTelemetryRecorder {
    meter: Meter,
    counters: Mutex<HashMap<Key, Arc<BoundCounter>>>,
    gauges: Mutex<HashMap<Key, Arc<BoundGauge>>>,
    histograms: Mutex<HashMap<Key, Arc<BoundHistogram>>>,
}

impl OpenTelemetryRecorder {
    /// A recorder that makes its instruments by this provider.
    pub fn new(provider: &(impl MeterProvider + ?Sized)) -> Self {
        Self {
            meter: provider.meter("http_context"),
            counters: Mutex::default(),
            gauges: Mutex::default(),
            histograms: Mutex::default(),
        }
    }
}

impl Recorder for OpenTelemetryRecorder {
    // The catalogue has the descriptions.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let bound = find(&self.counters, key, || {
            let (name, metric) = named(key);
            let mut builder = self.meter.u64_counter(name);
            if let Some(metric) = metric {
                builder = builder
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.description);
            }
            BoundCounter {
                counter: builder.build(),
                attributes: attributes(key),
                value: AtomicU64::new(0),
            }
        });
        Counter::from_arc(bound)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let bound = find(&self.gauges, key, || {
            let (name, metric) = named(key);
            let mut builder = self.meter.f64_up_down_counter(name);
            if let Some(metric) = metric {
                builder = builder
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.description);
            }
            BoundGauge {
                counter: builder.build(),
                attributes: attributes(key),
                value: Mutex::new(0.0),
            }
        });
        Gauge::from_arc(bound)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bound = find(&self.histograms, key, || {
            let (name, metric) = named(key);
            let mut builder = self.meter.f64_histogram(name);
            if let Some(metric) = metric {
                builder = builder
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.description)
                    .with_boundaries(metric.buckets.to_vec());
            }
            BoundHistogram {
                histogram: builder.build(),
                attributes: attributes(key),
            }
        });
        Histogram::from_arc(bound)
    }
}

fn find<T>(known: &Mutex<HashMap<Key, Arc<T>>>, key: &Key, make: impl FnOnce() -> T) -> Arc<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let bound = known.entry(key.clone()).or_insert_with(|| Arc::new(make()));
    Arc::clone(bound)
}

fn named(key: &Key) -> (String, Option<&'static Metric>) {
    let metric = catalogue().find(|metric| {
        let name = key.name();
        metric.prometheus_name == name || metric.name == name
    });
    let name = metric.map_or_else(|| key.name(), |metric| metric.name);
    (name.to_owned(), metric)
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    let attribute = |label: &metrics::Label| {
        let (name, value) = (label.key().to_owned(), label.value());
        // Labels are texts, and these two attributes are numbers.
        match value.parse::<i64>() {
            Ok(number) if [SERVER_PORT, HTTP_RESPONSE_STATUS_CODE].contains(&&*name) => {
                KeyValue::new(name, number)
            }
            _ => KeyValue::new(name, value.to_owned()),
        }
    };
    key.labels().map(attribute).collect()
}

#[derive(Debug)]
struct BoundCounter {
    counter: otel::Counter<u64>,
    attributes: Vec<KeyValue>,
    /// What it stands at, to tell `absolute` as a step.
    value: AtomicU64,
}

impl CounterFn for BoundCounter {
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
struct BoundGauge {
    counter: otel::UpDownCounter<f64>,
    attributes: Vec<KeyValue>,
    /// What it stands at, to tell `set` as a step.
    value: Mutex<f64>,
}

impl BoundGauge {
    fn step(&self, step: impl FnOnce(f64) -> f64) {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let next = step(*value);
        self.counter.add(next - *value, &self.attributes);
        *value = next;
    }
}

impl GaugeFn for BoundGauge {
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
struct BoundHistogram {
    histogram: otel::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for BoundHistogram {
    fn record(&self, value: f64) {
        self.histogram.record(value, &self.attributes);
    }
}
