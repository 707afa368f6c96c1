//! The same request, sent with more and more around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_context::{ContextBuilder, http_session};
use http_context_middleware::{Instrumentation, Propagation, Spans, with_catalogue_buckets};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{Fact, ServerProcess};

/// What is around a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// A bare `reqwest::Client`.
    Bare,
    /// A session, observed by nobody.
    Session,
    /// An instrumentation with neither a subscriber nor a recorder installed.
    NothingInstalled,
    /// Metrics to the Prometheus recorder, the connection ledger and body tracking.
    Metrics,
    /// The same, and OpenTelemetry spans by `tracing`, with trace context sent.
    TracingSpans,
    /// The same, with a layer that does nothing but make spans: location, thread, inactivity,
    /// target and the activation of contexts are off.
    LeanTracingSpans,
    /// The same, with what is known of a response set past `tracing`.
    HybridSpans,
    /// The same, and OpenTelemetry spans by its own API, with trace context sent.
    DirectSpans,
    /// The same, and no trace context sent: what the peers do.
    UnpropagatedSpans,
    /// `reqwest-tracing` and `reqwest-metrics`, with the recorder and the layer of the others. No
    /// trace context is sent: `reqwest-tracing` knows no OpenTelemetry of this version.
    Peers,
    /// The same, with the layer that does nothing but make spans.
    LeanPeers,
}

impl Variant {
    /// Whether spans are made by `tracing`, and whether its layer is the lean one.
    fn tracing_layer(self) -> Option<bool> {
        match self {
            Self::TracingSpans | Self::Peers => Some(false),
            Self::LeanTracingSpans | Self::HybridSpans | Self::LeanPeers => Some(true),
            _ => None,
        }
    }
}

/// Which URLs are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urls {
    /// The same each time.
    One,
    /// One after the other of ten of a host.
    Ten,
    /// Each once, all of one host.
    Distinct,
}

/// What is asked for, over and over.
struct UrlList {
    all: Vec<String>,
    asked: AtomicUsize,
}

impl UrlList {
    fn of(urls: Urls, url: &str) -> Self {
        let pages = |count| (0..count).map(|page| format!("{url}?page={page}&limit=50"));
        Self {
            all: match urls {
                Urls::One => vec![url.to_owned()],
                Urls::Ten => pages(10).collect(),
                Urls::Distinct => pages(1000).collect(),
            },
            asked: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> &str {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        &self.all[asked % self.all.len()]
    }
}

/// A variant, ready to send.
#[derive(Debug)]
pub struct Bench {
    runtime: Runtime,
    /// How many requests to send.
    orders: mpsc::UnboundedSender<usize>,
    done: mpsc::UnboundedReceiver<()>,
    /// Kept for as long as the client sends.
    _server: ServerProcess,
}

impl Bench {
    /// Installs what the variant needs, opens its context, and sends some requests, so that
    /// connection and caches are warm. Once in a process.
    ///
    /// # Panics
    ///
    /// When something is installed already, or the server does not answer.
    pub fn start(variant: Variant, server: ServerProcess) -> Self {
        Self::start_with(variant, Urls::One, Fact::Nothing, server)
    }

    /// As [`start`](Self::start), for these URLs.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_asking(variant: Variant, urls: Urls, server: ServerProcess) -> Self {
        Self::start_with(variant, urls, Fact::Nothing, server)
    }

    /// As [`start`](Self::start), with one thing more or less.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with(variant: Variant, urls: Urls, fact: Fact, server: ServerProcess) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let (orders, ordered) = mpsc::unbounded_channel();
        let (finished, done) = mpsc::unbounded_channel();
        let urls = UrlList::of(urls, server.url());
        match variant {
            Variant::Bare => {
                let client = bare();
                runtime.spawn(fulfil(ordered, finished, async move || {
                    let response = client.get(urls.next()).send().await.expect("it answers");
                    response.bytes().await.expect("it has a body");
                }));
            }
            Variant::Peers | Variant::LeanPeers => {
                let client = peers(variant);
                runtime.spawn(fulfil(ordered, finished, async move || {
                    let response = client.get(urls.next()).send().await.expect("it answers");
                    response.bytes().await.expect("it has a body");
                }));
            }
            _ => {
                runtime.spawn(context(variant, fact).open(async move {
                    let session = http_session()?;
                    fulfil(ordered, finished, async move || {
                        let response = session.get(urls.next()).send().await.expect("it answers");
                        response.bytes().await.expect("it has a body");
                    })
                    .await;
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
                }));
            }
        }
        let mut bench = Self {
            runtime,
            orders,
            done,
            _server: server,
        };
        bench.send(200);
        bench
    }

    /// Sends requests, one after the other.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn send(&mut self, requests: usize) {
        self.orders.send(requests).expect("the sender is there");
        let done = self.runtime.block_on(self.done.recv());
        done.expect("every request is answered");
    }
}

/// Sends as many requests as are ordered, one after the other, and says when they are done.
async fn fulfil(
    mut ordered: mpsc::UnboundedReceiver<usize>,
    finished: mpsc::UnboundedSender<()>,
    send: impl AsyncFn(),
) {
    while let Some(requests) = ordered.recv().await {
        for _ in 0..requests {
            send().await;
        }
        let _ = finished.send(());
    }
}

fn bare() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client can be built")
}

/// They find what they export to in globals.
fn peers(variant: Variant) -> ClientWithMiddleware {
    install_tracer(variant, Fact::Nothing);
    metrics::set_global_recorder(PrometheusBuilder::new().build_recorder())
        .expect("nothing else sets one");
    ClientBuilder::new(bare())
        .with(reqwest_tracing::TracingMiddleware::default())
        .with(reqwest_metrics::MetricsMiddleware::new())
        .build()
}

fn context(variant: Variant, fact: Fact) -> ContextBuilder {
    let context = http_context::builder().configure(reqwest::ClientBuilder::no_proxy);
    let context = fact.set_on(context);
    let mut builder = Instrumentation::builder();
    if !matches!(variant, Variant::Session | Variant::NothingInstalled) {
        let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
        builder = builder.recorder(Arc::new(recorder));
    }
    if matches!(variant, Variant::DirectSpans | Variant::UnpropagatedSpans) {
        builder = builder.spans(Spans::OpenTelemetry);
    }
    if variant == Variant::HybridSpans {
        builder = builder.spans(Spans::Hybrid);
    }
    builder = builder.propagation(match variant {
        Variant::DirectSpans | Variant::LeanTracingSpans | Variant::HybridSpans => {
            Propagation::TraceContext
        }
        Variant::UnpropagatedSpans => Propagation::Off,
        _ => Propagation::Global,
    });
    builder = fact.set_on_instrumentation(builder);
    install_tracer(variant, fact);
    match variant {
        Variant::Session => context,
        _ => context.observer(builder.build()),
    }
}

/// Installs a tracer provider, the propagator, and the layer for those who make spans by `tracing`.
fn install_tracer(variant: Variant, fact: Fact) {
    let layer = variant.tracing_layer();
    let is_direct = matches!(variant, Variant::DirectSpans | Variant::UnpropagatedSpans);
    if layer.is_none() && !is_direct {
        return;
    }
    let builder = SdkTracerProvider::builder().with_batch_exporter(Discard);
    let provider = fact.set_on_tracer(builder).build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    if let Some(is_lean) = layer {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("bench"))
            .with_location(!is_lean)
            .with_threads(!is_lean)
            .with_tracked_inactivity(!is_lean)
            .with_target(!is_lean)
            .with_context_activation(!is_lean);
        // As in production: the events of HTTP libraries at lower levels are not wanted.
        let subscriber = tracing_subscriber::registry()
            .with(layer)
            .with(LevelFilter::INFO);
        tracing::subscriber::set_global_default(subscriber).expect("nothing else sets one");
    }
    opentelemetry::global::set_tracer_provider(provider);
}

/// An exporter that throws away, so that only the making of spans is measured.
#[derive(Debug)]
struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}
