//! Who is compared.

use std::sync::Arc;

use http_context::{ContextBuilder, HttpVersions, Tls, builder, http_session};
use http_context_benches::target::Target;
use http_context_middleware::{Instrumentation, Propagation, Spans, with_catalogue_buckets};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One way to send a request, with its name in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Bare,
    EmptyChain,
    Peers,
    Context,
    ContextMetrics,
    ContextEverything,
    ContextEverythingTracing,
    Aiohttp,
}

impl Contender {
    pub(crate) const ALL: [Self; 8] = [
        Self::Bare,
        Self::EmptyChain,
        Self::Peers,
        Self::Context,
        Self::ContextMetrics,
        Self::ContextEverything,
        Self::ContextEverythingTracing,
        Self::Aiohttp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "reqwest",
            Self::EmptyChain => "reqwest-middleware, empty",
            Self::Peers => "reqwest-tracing + reqwest-metrics",
            Self::Context => "http-context, nothing on",
            Self::ContextMetrics => "http-context, metrics",
            Self::ContextEverything => "http-context, everything",
            Self::ContextEverythingTracing => "http-context, everything by tracing",
            Self::Aiohttp => "aiohttp (Python), nothing on",
        }
    }

    /// The client, or the context to work in; none of aiohttp, which has a process of its own.
    pub(crate) fn client(self, target: &Target, protocol: Protocol) -> Option<Client> {
        Some(match self {
            Self::Aiohttp => return None,
            Self::Bare => Client::Bare(bare(target, protocol)),
            Self::EmptyChain => Client::Chain(ClientBuilder::new(bare(target, protocol)).build()),
            Self::Peers => Client::Chain(
                ClientBuilder::new(bare(target, protocol))
                    .with(reqwest_tracing::TracingMiddleware::default())
                    .with(reqwest_metrics::MetricsMiddleware::new())
                    .build(),
            ),
            Self::Context => Client::Session(context(target, protocol)),
            Self::ContextMetrics => Client::Session(observed(target, protocol, Spans::Off)),
            Self::ContextEverything => {
                Client::Session(observed(target, protocol, Spans::OpenTelemetry))
            }
            Self::ContextEverythingTracing => {
                Client::Session(observed(target, protocol, Spans::Tracing))
            }
        })
    }
}

/// What goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) is_http2: bool,
    pub(crate) is_secure: bool,
}

impl Protocol {
    pub(crate) const ALL: [Self; 4] = [
        Self {
            is_http2: false,
            is_secure: false,
        },
        Self {
            is_http2: false,
            is_secure: true,
        },
        Self {
            is_http2: true,
            is_secure: false,
        },
        Self {
            is_http2: true,
            is_secure: true,
        },
    ];

    pub(crate) fn name(self) -> &'static str {
        match (self.is_http2, self.is_secure) {
            (false, false) => "HTTP/1.1",
            (false, true) => "HTTP/1.1, TLS",
            (true, false) => "HTTP/2",
            (true, true) => "HTTP/2, TLS",
        }
    }

    pub(crate) fn url(self, target: &Target) -> String {
        let base = if self.is_secure {
            &target.secure
        } else {
            &target.plain
        };
        format!("{base}/ok")
    }

    fn versions(self) -> HttpVersions {
        if self.is_http2 {
            HttpVersions::Http2
        } else {
            HttpVersions::Http1
        }
    }
}

/// Sends a request and reads its body.
#[derive(Clone)]
pub(crate) enum Client {
    Bare(reqwest::Client),
    Chain(ClientWithMiddleware),
    /// By `http_session()`, in a context with these options.
    Session(ContextBuilder),
}

impl Client {
    pub(crate) async fn get(&self, url: &str) -> Result<usize, BoxError> {
        let response = match self {
            Self::Bare(client) => client.get(url).send().await?,
            Self::Chain(client) => client.get(url).send().await?,
            Self::Session(_) => http_session()?.get(url).send().await?,
        };
        Ok(response.bytes().await?.len())
    }
}

pub(crate) fn bare(target: &Target, protocol: Protocol) -> reqwest::Client {
    let mut tls = rustls::ClientConfig::clone(&target.tls());
    let client = reqwest::Client::builder().no_proxy();
    let client = if protocol.is_http2 {
        tls.alpn_protocols = vec![b"h2".to_vec()];
        client.http2_prior_knowledge()
    } else {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        client.http1_only()
    };
    let client = client.tls_backend_preconfigured(tls);
    client.build().expect("the options go together")
}

pub(crate) fn context(target: &Target, protocol: Protocol) -> ContextBuilder {
    builder()
        .tls(Tls::Config(target.tls()))
        .http_versions(protocol.versions())
        // None of the others has a limit.
        .max_connections_per_host(1 << 16)
        .configure(reqwest::ClientBuilder::no_proxy)
}

fn observed(target: &Target, protocol: Protocol, spans: Spans) -> ContextBuilder {
    let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
    let propagation = match spans {
        Spans::Off => Propagation::Off,
        _ => Propagation::TraceContext,
    };
    let observer = Instrumentation::builder()
        .recorder(Arc::new(recorder))
        .spans(spans)
        .propagation(propagation)
        .build();
    context(target, protocol).observer(observer)
}

/// Installs the exporters that the peers find in globals: a Prometheus recorder, and OpenTelemetry
/// behind `tracing`, which export to nowhere.
pub(crate) fn install_peers() {
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Discard)
        .build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    // What HTTP/2 itself would trace is switched off for all alike.
    let filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("h2", LevelFilter::OFF);
    // It makes spans and does nothing else, for all alike.
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("side-by-side"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_context_activation(false)
        .with_filter(filter);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .expect("nothing else sets one");
    opentelemetry::global::set_tracer_provider(provider);
    metrics::set_global_recorder(PrometheusBuilder::new().build_recorder())
        .expect("nothing else sets one");
}

/// An exporter that throws away, so that only the making of spans is measured.
#[derive(Debug)]
struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}
