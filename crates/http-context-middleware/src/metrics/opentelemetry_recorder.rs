//! A recorder that bridges the `metrics` facade to OpenTelemetry instruments.

use std::sync::Arc;

use hashbrown::HashMap;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use parking_lot::Mutex;

use super::catalogue::catalogue;
use super::metric::Metric;
use super::opentelemetry_handles::{CounterHandle, GaugeHandle, HistogramHandle};
use crate::attribute::{HTTP_RESPONSE_STATUS_CODE, SERVER_PORT};

/// A recorder that bridges the `metrics` facade to OpenTelemetry instruments.
///
/// The metrics of the catalogue get their OpenTelemetry names, units, descriptions and buckets,
/// with either of the [`MetricNames`](crate::MetricNames); others keep their names. A gauge becomes
/// an up-down counter, as in the HTTP conventions.
///
/// ```
/// use http_context_middleware::OpenTelemetryRecorder;
///
/// let recorder = OpenTelemetryRecorder::new(&*opentelemetry::global::meter_provider());
/// ```
#[derive(Debug)]
pub struct OpenTelemetryRecorder {
    meter: Meter,
    counters: Bound<CounterHandle>,
    gauges: Bound<GaugeHandle>,
    histograms: Bound<HistogramHandle>,
}

impl OpenTelemetryRecorder {
    /// A recorder whose instruments come from this provider.
    pub fn new(provider: &(impl MeterProvider + ?Sized)) -> Self {
        Self {
            meter: provider.meter("http_context"),
            counters: Bound::default(),
            gauges: Bound::default(),
            histograms: Bound::default(),
        }
    }
}

impl Recorder for OpenTelemetryRecorder {
    // The catalogue has the descriptions.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let bound = self.counters.find(key, || {
            let (name, metric) = named(key);
            let mut builder = self.meter.u64_counter(name);
            if let Some(metric) = metric {
                builder = builder
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.description);
            }
            CounterHandle::new(builder.build(), attributes(key))
        });
        Counter::from_arc(bound)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let bound = self.gauges.find(key, || {
            let (name, metric) = named(key);
            let mut builder = self.meter.f64_up_down_counter(name);
            if let Some(metric) = metric {
                builder = builder
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.description);
            }
            GaugeHandle::new(builder.build(), attributes(key))
        });
        Gauge::from_arc(bound)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bound = self.histograms.find(key, || {
            let (name, metric) = named(key);
            let mut builder = self.meter.f64_histogram(name);
            if let Some(metric) = metric {
                builder = builder
                    .with_unit(metric.unit.ucum())
                    .with_description(metric.description)
                    .with_boundaries(metric.buckets.to_vec());
            }
            HistogramHandle::new(builder.build(), attributes(key))
        });
        Histogram::from_arc(bound)
    }
}

/// The registered handles of one kind.
#[derive(Debug)]
struct Bound<T> {
    /// Protects the table. The meter provider is called without the lock: threads that are first at
    /// the same time all call it, and one instrument is kept.
    by_key: Mutex<HashMap<Key, Arc<T>>>,
}

impl<T> Bound<T> {
    fn find(&self, key: &Key, make: impl FnOnce() -> T) -> Arc<T> {
        let known = self.by_key.lock().get(key).cloned();
        known.unwrap_or_else(|| {
            let bound = Arc::new(make());
            let mut by_key = self.by_key.lock();
            Arc::clone(by_key.entry(key.clone()).or_insert(bound))
        })
    }
}

impl<T> Default for Bound<T> {
    fn default() -> Self {
        Self {
            by_key: Mutex::default(),
        }
    }
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
        // Labels are strings; these two attributes are numbers.
        match value.parse::<i64>() {
            Ok(number) if [SERVER_PORT, HTTP_RESPONSE_STATUS_CODE].contains(&&*name) => {
                KeyValue::new(name, number)
            }
            _ => KeyValue::new(name, value.to_owned()),
        }
    };
    key.labels().map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use metrics::Level;
    use opentelemetry::InstrumentationScope;
    use opentelemetry::metrics::{
        InstrumentBuilder, InstrumentProvider, SyncInstrument, UpDownCounter,
    };

    use super::*;

    static METADATA: Metadata<'static> = Metadata::new("tests", Level::INFO, None);

    /// A meter provider that records a metric itself when it is called.
    #[derive(Clone, Default)]
    struct CallingBack {
        back: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>,
        is_inside: Arc<AtomicBool>,
    }

    impl CallingBack {
        fn call(&self) {
            if !self.is_inside.swap(true, Ordering::AcqRel) {
                self.back.get().unwrap()();
                self.is_inside.store(false, Ordering::Release);
            }
        }
    }

    impl MeterProvider for CallingBack {
        fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
            Meter::new(Arc::new(self.clone()))
        }
    }

    impl InstrumentProvider for CallingBack {
        fn f64_up_down_counter(
            &self,
            _: InstrumentBuilder<'_, UpDownCounter<f64>>,
        ) -> UpDownCounter<f64> {
            self.call();
            UpDownCounter::new(Arc::new(self.clone()))
        }
    }

    impl SyncInstrument<f64> for CallingBack {
        fn measure(&self, _: f64, _: &[KeyValue]) {
            self.call();
        }
    }

    #[test]
    fn an_instrument_may_use_the_recorder_as_it_is_made_and_as_it_is_used() {
        let provider = CallingBack::default();
        let recorder = Arc::new(OpenTelemetryRecorder::new(&provider));
        let key = Key::from_static_name("gauge");
        let move_it = move || recorder.register_gauge(&key, &METADATA).increment(1.0);
        let back = provider.back.set(Box::new(move_it.clone()));
        assert!(back.is_ok());
        let (moved, is_moved) = mpsc::channel();
        thread::spawn(move || {
            move_it();
            moved.send(()).unwrap();
        });
        assert_eq!(is_moved.recv_timeout(Duration::from_secs(10)), Ok(()));
    }
}
