//! The description of a metric: name, kind, unit, buckets, attributes.

/// The description of one metric, the same for every exporter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its OpenTelemetry name.
    pub name: &'static str,
    /// Its Prometheus name.
    pub prometheus_name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
    /// Its unit.
    pub unit: MetricUnit,
    /// The upper bounds of a histogram's buckets; empty otherwise.
    pub buckets: &'static [f64],
    /// Every attribute that it can have, by its OpenTelemetry name. Prometheus labels have
    /// underscores for the dots.
    pub attributes: &'static [&'static str],
    /// One sentence, for people.
    pub description: &'static str,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only goes up.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts values in buckets.
    Histogram,
}

impl MetricKind {
    /// `counter`, `gauge` or `histogram`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the units")]
pub enum MetricUnit {
    Seconds,
    Bytes,
    Requests,
    Connections,
    Contexts,
    Opens,
    Leaks,
    Sessions,
    Redirects,
    Messages,
    Timeouts,
    Jobs,
}

impl MetricUnit {
    /// The unit in UCUM notation, as OpenTelemetry writes it.
    pub fn ucum(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "By",
            Self::Requests => "{request}",
            Self::Connections => "{connection}",
            Self::Contexts => "{context}",
            Self::Opens => "{open}",
            Self::Leaks => "{leak}",
            Self::Sessions => "{session}",
            Self::Redirects => "{redirect}",
            Self::Messages => "{message}",
            Self::Timeouts => "{timeout}",
            Self::Jobs => "{job}",
        }
    }

    pub(crate) fn facade(self) -> metrics::Unit {
        match self {
            Self::Seconds => metrics::Unit::Seconds,
            Self::Bytes => metrics::Unit::Bytes,
            _ => metrics::Unit::Count,
        }
    }
}
