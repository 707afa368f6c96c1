//! The recorder of metrics, and the names that it gets.

use std::fmt;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, SharedString};

use super::catalogue::catalogue;
use super::metric::{Metric, MetricKind};

/// The names of metrics in the `metrics` facade.
///
/// The facade has one name for a metric, and its two families of exporters expect different ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricNames {
    /// The Prometheus names. `metrics-exporter-prometheus` exports them unchanged, with its
    /// `with_recommended_naming` on or off; the `OpenTelemetryRecorder` of this crate (feature
    /// `opentelemetry`) translates them to the OpenTelemetry names.
    #[default]
    Prometheus,
    /// The OpenTelemetry names, for another bridge that exports names unchanged.
    OpenTelemetry,
}

/// Registers handles with a recorder.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    /// `None` for the global recorder, or the local one of the thread.
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
    names: MetricNames,
}

static METADATA: Metadata<'static> =
    Metadata::new("http_context", Level::INFO, Some(module_path!()));

impl Sink {
    pub(crate) fn new(
        recorder: Option<Arc<dyn Recorder + Send + Sync>>,
        names: MetricNames,
    ) -> Self {
        Self { recorder, names }
    }

    /// Describes every metric to the recorder.
    pub(crate) fn describe(&self) {
        self.with(|recorder| {
            for metric in catalogue() {
                let name = self.name(metric).into();
                let unit = Some(metric.unit.facade());
                let description = SharedString::const_str(metric.description);
                match metric.kind {
                    MetricKind::Counter => recorder.describe_counter(name, unit, description),
                    MetricKind::Gauge => recorder.describe_gauge(name, unit, description),
                    MetricKind::Histogram => recorder.describe_histogram(name, unit, description),
                }
            }
        });
    }

    pub(crate) fn counter(&self, metric: &Metric, labels: Vec<Label>) -> Counter {
        let key = self.key(metric, labels);
        self.with(|recorder| recorder.register_counter(&key, &METADATA))
    }

    pub(crate) fn gauge(&self, metric: &Metric, labels: Vec<Label>) -> Gauge {
        let key = self.key(metric, labels);
        self.with(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    pub(crate) fn histogram(&self, metric: &Metric, labels: Vec<Label>) -> Histogram {
        let key = self.key(metric, labels);
        self.with(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    fn key(&self, metric: &Metric, labels: Vec<Label>) -> Key {
        Key::from_parts(self.name(metric), labels)
    }

    fn name(&self, metric: &Metric) -> &'static str {
        match self.names {
            MetricNames::Prometheus => metric.prometheus_name,
            MetricNames::OpenTelemetry => metric.name,
        }
    }

    fn with<R>(&self, f: impl FnOnce(&dyn Recorder) -> R) -> R {
        match &self.recorder {
            Some(recorder) => f(&**recorder),
            None => metrics::with_recorder(f),
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("names", &self.names)
            .field("is_global", &self.recorder.is_none())
            .finish()
    }
}

/// A value of a label, from a closed set.
pub(crate) trait LabelValue {
    fn value(self) -> &'static str;
}

/// A label of the catalogue.
pub(crate) fn label(name: &'static str, value: impl Into<SharedString>) -> Label {
    Label::new(name, value)
}
