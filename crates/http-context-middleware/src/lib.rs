//! Spans, metrics and a connection ledger for `http-context`.

pub mod attribute;
mod builder;
mod catalogue;
mod events;
mod extensions;
mod headers;
mod instrumentation;
mod ledger;
mod method;
#[cfg(feature = "opentelemetry")]
mod otel_recorder;
mod process_metrics;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(feature = "opentelemetry")]
mod propagation;
mod request_state;
mod series;
mod server;
mod servers;
mod sink;
mod span;
mod templates;
mod version;

pub use builder::InstrumentationBuilder;
pub use catalogue::{Metric, MetricKind, MetricUnit, catalogue};
pub use extensions::{
    AttributeValue, SpanAttribute, SpanAttributes, Uninstrumented, UrlTemplate, WithoutPropagation,
};
pub use instrumentation::Instrumentation;
#[cfg(target_os = "linux")]
pub use ledger::KernelCloses;
pub use ledger::{
    CloseEvent, CloseReason, ConnectionCloses, ConnectionRecord, ConnectionState, Ledger, NoCloses,
    TellClose,
};
#[cfg(feature = "opentelemetry")]
pub use otel_recorder::OpenTelemetryRecorder;
#[cfg(feature = "prometheus")]
pub use prometheus::with_catalogue_buckets;
pub use sink::MetricNames;
pub use span::Spans;
