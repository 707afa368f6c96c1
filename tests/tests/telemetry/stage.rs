//! An instrumentation whose spans go to an exporter in memory, in both ways of making them.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use http_context::ContextBuilder;
use http_context_middleware::{Instrumentation, InstrumentationBuilder, Ledger, Spans};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{SpanContext, TracerProvider as _};
use opentelemetry::{Context, Key, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SamplingResult, SdkTracerProvider, ShouldSample, Span, SpanData,
    SpanProcessor,
};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

/// What the sampler was shown of each span: its name and the names of its attributes.
static SAMPLED: Mutex<Vec<(String, Vec<String>)>> = Mutex::new(Vec::new());

/// Samples everything, and notes what it could have decided by.
#[derive(Clone, Debug)]
struct NotingSampler;

impl ShouldSample for NotingSampler {
    fn should_sample(
        &self,
        parent: Option<&opentelemetry::Context>,
        trace: opentelemetry::TraceId,
        name: &str,
        kind: &opentelemetry::trace::SpanKind,
        attributes: &[opentelemetry::KeyValue],
        links: &[opentelemetry::trace::Link],
    ) -> SamplingResult {
        let names = attributes.iter().map(|a| a.key.to_string()).collect();
        SAMPLED.lock().unwrap().push((name.to_owned(), names));
        Sampler::AlwaysOn.should_sample(parent, trace, name, kind, attributes, links)
    }
}

type Hook = Box<dyn Fn()>;

thread_local! {
    static SPAN_END: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Called when a span ends on this thread, until what it gives back is dropped.
pub(crate) fn on_span_end(hook: impl Fn() + 'static) -> impl Drop {
    struct Unhook;
    impl Drop for Unhook {
        fn drop(&mut self) {
            SPAN_END.set(None);
        }
    }
    SPAN_END.set(Some(Box::new(hook)));
    Unhook
}

/// Calls the hook of its thread.
#[derive(Debug)]
struct CallingHooks;

impl SpanProcessor for CallingHooks {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {
        SPAN_END.with_borrow(|hook| hook.iter().for_each(|hook| hook()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// One provider for the process: the direct way of making spans takes the global one.
static EXPORT: LazyLock<(SdkTracerProvider, InMemorySpanExporter)> = LazyLock::new(|| {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .with_span_processor(CallingHooks)
        .with_sampler(NotingSampler)
        .build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    let trace_context = Box::new(TraceContextPropagator::new());
    let propagators =
        TextMapCompositePropagator::new(vec![trace_context, Box::new(BaggagePropagator::new())]);
    opentelemetry::global::set_text_map_propagator(propagators);
    (provider, exporter)
});

/// The ways of making spans.
pub(crate) const WAYS: [Spans; 3] = [Spans::Tracing, Spans::Hybrid, Spans::OpenTelemetry];

/// Makes spans of this thread, in one of the ways, for as long as it lives.
pub(crate) struct Stage {
    instrumentation: Arc<Instrumentation>,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl Stage {
    pub(crate) fn new(way: Spans) -> Self {
        Self::with(way, |builder| builder)
    }

    pub(crate) fn with(
        way: Spans,
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        Self::build(way, true, options)
    }

    /// The layer makes no span's OpenTelemetry context the current one.
    pub(crate) fn without_activation(way: Spans) -> Self {
        Self::build(way, false, |builder| builder)
    }

    fn build(
        way: Spans,
        activates: bool,
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        BEGUN.with(|_| ());
        let layer = tracing_opentelemetry::layer().with_tracer(EXPORT.0.tracer("tests"));
        let subscriber = tracing_subscriber::registry()
            .with(layer.with_context_activation(activates))
            .with(LevelFilter::INFO);
        let subscriber = tracing::subscriber::set_default(subscriber);
        Self {
            instrumentation: options(Instrumentation::builder().spans(way)).build(),
            _subscriber: subscriber,
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.instrumentation.ledger()
    }

    pub(crate) fn context(&self) -> ContextBuilder {
        let observer = Arc::<Instrumentation>::clone(&self.instrumentation);
        http_context::builder()
            .observer(observer)
            .configure(reqwest::ClientBuilder::no_proxy)
    }
}

thread_local! {
    /// When the test of this thread began.
    static BEGUN: SystemTime = SystemTime::now();
}

/// What was exported of the spans to a server, in the order of their ends: without those of a test
/// before this one, whose server may have had the same port.
pub(crate) fn spans_to(port: u16) -> Vec<SpanData> {
    let begun = BEGUN.with(|begun| *begun);
    let mut spans = EXPORT.1.get_finished_spans().unwrap();
    spans.retain(|span| {
        attribute(span, "server.port") == Some(i64::from(port).into()) && span.start_time >= begun
    });
    spans
}

/// The exported span with this id.
pub(crate) fn span(of: &SpanContext) -> SpanData {
    let spans = EXPORT.1.get_finished_spans().unwrap();
    let is_it = |span: &SpanData| span.span_context == *of;
    spans.into_iter().find(is_it).unwrap()
}

/// The exported spans of a name.
pub(crate) fn spans_named(name: &str) -> Vec<SpanData> {
    let mut spans = EXPORT.1.get_finished_spans().unwrap();
    spans.retain(|span| span.name == name);
    spans
}

/// Everything that was exported, for a look at all of it.
pub(crate) fn everything() -> String {
    format!("{:?}", EXPORT.1.get_finished_spans().unwrap())
}

/// What the sampler was shown of the spans of a name.
pub(crate) fn sampled(name: &str) -> Vec<Vec<String>> {
    let sampled = SAMPLED.lock().unwrap();
    let of_name = sampled.iter().filter(|(n, _)| n == name);
    of_name.map(|(_, attributes)| attributes.clone()).collect()
}

pub(crate) fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    let key = Key::from(name.to_owned());
    let found = span.attributes.iter().find(|a| a.key == key);
    found.map(|attribute| attribute.value.clone())
}

pub(crate) fn text(span: &SpanData, name: &str) -> Option<String> {
    attribute(span, name).map(|value| value.as_str().into_owned())
}
