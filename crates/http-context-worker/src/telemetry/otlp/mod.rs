//! Traces and metrics over OTLP, when the standard `OTEL_*` variables ask for them.
//!
//! Endpoints, headers, timeouts, samplers, batches and resource attributes are read by the
//! OpenTelemetry SDK from its own variables; [`requested`] says when there is anything to export, and
//! by which protocol: HTTP, by the client that the program has anyway, or with the feature `otlp-grpc`
//! gRPC. The exporters have threads and clients of their own: no context observes
//! them, so they make no spans and no metrics, and a collector that is dead or slow fills a queue
//! and then loses spans, which are counted, and never holds up a job.

mod counts;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http_context_middleware::OpenTelemetryRecorder;
use opentelemetry::propagation::TextMapCompositePropagator;
#[cfg(feature = "otlp-grpc")]
use opentelemetry_otlp::WithTonicConfig;
#[cfg(feature = "otlp-grpc")]
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use tokio::time::timeout;

use self::counts::{CountedExporter, CountedMetrics, CountedProcessor, Counts};
use self::settings::{Protocol, Shadowed, requested};
use crate::cryptography::install_provider;
use crate::failure::Failure;
use crate::telemetry::asked::Signal;

/// Said, because left to itself the exporter takes JSON when any crate of the build has that feature
/// on.
const PROTOBUF: opentelemetry_otlp::Protocol = opentelemetry_otlp::Protocol::HttpBinary;

/// The exporters that were asked for.
pub(crate) struct Otlp {
    traces: Option<Traces>,
    metrics: Option<Metrics>,
}

struct Traces {
    provider: SdkTracerProvider,
    spans: Arc<Counts>,
}

struct Metrics {
    provider: SdkMeterProvider,
    exports: Arc<Counts>,
}

impl Otlp {
    /// Makes what the environment asks for, and installs tracer and propagators for the process.
    /// Must be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`Failure::Otlp`] when a variable has a value that nothing can be made of.
    pub(crate) fn from_env(service: &str) -> Result<Self, Failure> {
        let get = |name: &str| std::env::var(name).ok();
        let provide = || install_provider().map_err(|error| Failure::Otlp(error.to_string()));
        let traces = match requested(Signal::Traces, get)? {
            Some(protocol) => {
                provide()?;
                let shadowed = Shadowed::of(Signal::Traces, get);
                Some(traces(service, protocol, &shadowed).map_err(|error| failure(&error))?)
            }
            None => None,
        };
        let metrics = match requested(Signal::Metrics, get)? {
            Some(protocol) => {
                provide()?;
                let shadowed = Shadowed::of(Signal::Metrics, get);
                Some(metrics(service, protocol, &shadowed).map_err(|error| failure(&error))?)
            }
            None => None,
        };
        if let Some(traces) = &traces {
            opentelemetry::global::set_tracer_provider(traces.provider.clone());
            opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
                Box::new(TraceContextPropagator::new()),
                Box::new(BaggagePropagator::new()),
            ]));
        }
        Ok(Self { traces, metrics })
    }

    /// Whether spans are exported.
    pub(crate) fn has_traces(&self) -> bool {
        self.traces.is_some()
    }

    /// Whether metrics are exported.
    pub(crate) fn has_metrics(&self) -> bool {
        self.metrics.is_some()
    }

    /// What makes OpenTelemetry metrics of those of the facade, if they are exported.
    pub(crate) fn recorder(&self) -> Option<OpenTelemetryRecorder> {
        let metrics = self.metrics.as_ref();
        metrics.map(|metrics| OpenTelemetryRecorder::new(&metrics.provider))
    }

    /// Exports what is left, for so long at most. Returns a sentence about what was lost.
    pub(crate) async fn flush(&self, within: Duration) -> Option<String> {
        let tracer = self.traces.as_ref().map(|traces| traces.provider.clone());
        let meter = self
            .metrics
            .as_ref()
            .map(|metrics| metrics.provider.clone());
        let traces_end = tokio::task::spawn_blocking(move || {
            tracer.map(|tracer| tracer.shutdown_with_timeout(within))
        });
        let metrics_end = tokio::task::spawn_blocking(move || {
            meter.is_none_or(|meter| meter.shutdown_with_timeout(within).is_ok())
        });
        let (_, metrics_told) =
            tokio::join!(timeout(within, traces_end), timeout(within, metrics_end));
        let mut lost = Vec::new();
        if let Some(traces) = &self.traces {
            lost.extend(traces.spans.lost());
        }
        if let Some(metrics) = &self.metrics {
            let is_told = matches!(metrics_told, Ok(Ok(true)));
            let unsent = || (!is_told).then(|| "the last metrics".to_owned());
            lost.extend(metrics.exports.lost().or_else(unsent));
        }
        (!lost.is_empty()).then(|| format!("not exported: {}", lost.join(", ")))
    }
}

fn traces(
    service: &str,
    protocol: Protocol,
    shadowed: &Shadowed,
) -> Result<Traces, ExporterBuildError> {
    let builder = SpanExporter::builder();
    let exporter = match protocol {
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => by_grpc(builder.with_tonic(), shadowed).build(),
        Protocol::Http => by_http(builder.with_http(), shadowed).build(),
    }?;
    let spans = Counts::new("spans");
    let batches = BatchSpanProcessor::builder(CountedExporter::new(exporter, &spans)).build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource(service))
        .with_span_processor(CountedProcessor::new(batches, &spans))
        .build();
    Ok(Traces { provider, spans })
}

fn metrics(
    service: &str,
    protocol: Protocol,
    shadowed: &Shadowed,
) -> Result<Metrics, ExporterBuildError> {
    let builder = MetricExporter::builder();
    let exporter = match protocol {
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => by_grpc(builder.with_tonic(), shadowed).build(),
        Protocol::Http => by_http(builder.with_http(), shadowed).build(),
    }?;
    let exports = Counts::new("exports of metrics");
    let provider = SdkMeterProvider::builder()
        .with_resource(resource(service))
        .with_periodic_exporter(CountedMetrics::new(exporter, &exports))
        .build();
    Ok(Metrics { provider, exports })
}

#[cfg(feature = "otlp-grpc")]
fn by_grpc<B: WithTonicConfig + WithExportConfig>(mut builder: B, shadowed: &Shadowed) -> B {
    if let Some(endpoint) = &shadowed.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder.with_metadata(MetadataMap::from_headers(shadowed.headers.clone()))
}

fn by_http<B: WithHttpConfig + WithExportConfig>(builder: B, shadowed: &Shadowed) -> B {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = shadowed.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    builder
        .with_protocol(PROTOBUF)
        .with_headers(headers.collect())
}

/// What `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say; without a name, that of the service.
fn resource(service: &str) -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&opentelemetry::Key::from_static_str("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named {
        return found;
    }
    Resource::builder()
        .with_service_name(service.to_owned())
        .build()
}

fn failure(source: &ExporterBuildError) -> Failure {
    Failure::Otlp(source.to_string())
}
