//! What a collector receives over OTLP, attribute by attribute, against the catalogue.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod conventions;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::{NestedPolicy, OpenError, caller, http_session};
use http_context_middleware::{
    Instrumentation, MetricKind, OpenTelemetryRecorder, Spans, UrlTemplate, attribute, catalogue,
};
use http_context_tests::{Server, UpgradeServer};
use mock_collector::{MockServer, ServerHandle};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Whose turn it is to set the tracers of the process.
static GLOBAL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Knows one name.
struct OnlyLocalhost(SocketAddr);

impl Resolve for OnlyLocalhost {
    fn resolve(&self, name: Name) -> Resolving {
        let known = (name.as_str() == "localhost").then_some(self.0);
        Box::pin(async move {
            let addr = known.ok_or("there is no such name")?;
            Ok(Box::new(std::iter::once(addr)) as Addrs)
        })
    }
}

/// What makes every metric and every span that this crate makes occur.
async fn everything_happens(instrumentation: &Arc<Instrumentation>) {
    let (server, upgrades) = (Server::start(), UpgradeServer::start());
    let mut dead = Server::start();
    let dead_url = dead.url("/ok");
    dead.shutdown();
    let context = http_context::builder()
        .observer(Arc::<Instrumentation>::clone(instrumentation))
        .configure(reqwest::ClientBuilder::no_proxy)
        .dns_resolver(Arc::new(OnlyLocalhost(server.addr())))
        .max_connections_per_host(1)
        .drain_timeout(Duration::from_millis(10));
    let mut kept = None;
    context
        .clone()
        .name("otlp")
        .nested(NestedPolicy::Warn)
        .open(async {
            let session = http_session().unwrap();
            // Before the rest, so that it is the first on its host, and the next ones wait for it.
            let first = session.get(server.url_at("localhost", "/slow-head")).send();
            let second = async {
                server.wait_until(|counts| counts.held == 1).await;
                let queued = session.get(server.url_at("localhost", "/ok")).send();
                tokio::pin!(queued);
                assert!(futures_util::poll!(&mut queued).is_pending());
                server.gate().open();
                drop(queued.await.unwrap().bytes().await.unwrap());
            };
            let first = async { drop(first.await.unwrap().bytes().await.unwrap()) };
            tokio::join!(first, second);
            for path in ["/redirect/1", "/status/404"] {
                let request = session.post(server.url(path)).body("body");
                let request = request.with_extension(UrlTemplate::new("/{path}"));
                drop(request.send().await.unwrap().bytes().await.unwrap());
            }
            let upgrade = session
                .get(upgrades.url("/"))
                .header("upgrade", "websocket");
            let upgrade = upgrade.header("connection", "upgrade").build().unwrap();
            let chat = caller("chat").scope(session.upgrade(upgrade));
            drop(chat.await.unwrap());
            let purge = reqwest::Method::from_bytes(b"PURGE").unwrap();
            session
                .request(purge, server.url("/ok"))
                .send()
                .await
                .unwrap();
            session.get(dead_url).send().await.unwrap_err();
            session
                .get("http://nowhere.test/")
                .send()
                .await
                .unwrap_err();
            http_context::open(async { Ok::<_, OpenError>(()) })
                .await
                .unwrap();
            kept = Some(http_session().unwrap());
            let url = server.url("/never");
            drop(http_context::spawn(async move {
                http_session().unwrap().get(url).send().await.map(drop)
            }));
            server.wait_until(|counts| counts.held == 1).await;
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    while !instrumentation.ledger().connections().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(kept);
}

async fn collector() -> ServerHandle {
    MockServer::builder().start().await.unwrap()
}

fn endpoint(collector: &ServerHandle) -> String {
    format!("http://{}", collector.addr())
}

/// Exports metrics to the collector.
fn metrics_to(collector: &ServerHandle) -> SdkMeterProvider {
    let exporter = opentelemetry_otlp::MetricExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint(collector))
        .build()
        .unwrap();
    SdkMeterProvider::builder()
        .with_periodic_exporter(exporter)
        .build()
}

fn tracer_provider(collector: &ServerHandle) -> SdkTracerProvider {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint(collector))
        .build()
        .unwrap();
    SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_arrives_as_the_catalogue_has_it() {
    let collector = collector().await;
    let provider = metrics_to(&collector);
    let instrumentation = Instrumentation::builder()
        .spans(Spans::Off)
        .recorder(Arc::new(OpenTelemetryRecorder::new(&provider)))
        .lookup_names(true)
        .build();
    everything_happens(&instrumentation).await;
    tokio::task::spawn_blocking(move || provider.shutdown().unwrap())
        .await
        .unwrap();

    let mut seen = collector
        .with_collector(|collector| {
            let mut seen = BTreeMap::new();
            for metric in collector.metrics() {
                let received = Received::of(metric.metric());
                seen.insert(received.name.clone(), received);
            }
            seen
        })
        .await;
    // Told by parts that do not take part here.
    let elsewhere = ["http_context.pool.", "http_context.worker."];
    for metric in catalogue() {
        if elsewhere
            .iter()
            .any(|prefix| metric.name.starts_with(prefix))
        {
            continue;
        }
        let received = seen.remove(metric.name);
        let received = received.unwrap_or_else(|| panic!("{} did not arrive", metric.name));
        assert_eq!(received.unit, metric.unit.ucum(), "{}", metric.name);
        assert_eq!(received.description, metric.description);
        assert_eq!(received.kind, metric.kind, "{}", metric.name);
        assert_eq!(received.bounds, metric.buckets, "{}", metric.name);
        let known: BTreeSet<String> = metric.attributes.iter().map(ToString::to_string).collect();
        assert_eq!(received.attributes, known, "{}", metric.name);
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

/// A metric as it arrived, with the names of all attributes of all its points.
struct Received {
    name: String,
    unit: String,
    description: String,
    kind: MetricKind,
    bounds: Vec<f64>,
    attributes: BTreeSet<String>,
}

impl Received {
    /// Read from its JSON form, which is the same for whichever version of the protocol's types.
    fn of(metric: &(impl serde::Serialize + ?Sized)) -> Self {
        let json = serde_json::to_value(metric).unwrap();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let (kind, data) = if let Some(histogram) = json.get("histogram") {
            (MetricKind::Histogram, histogram)
        } else {
            let sum = &json["sum"];
            let is_monotonic = sum["isMonotonic"].as_bool().unwrap_or_default();
            let kind = if is_monotonic {
                MetricKind::Counter
            } else {
                MetricKind::Gauge
            };
            (kind, sum)
        };
        let points = data["dataPoints"].as_array().unwrap();
        let names = points.iter().flat_map(|point| {
            let attributes = point["attributes"].as_array().cloned().unwrap_or_default();
            attributes
                .into_iter()
                .map(|a| a["key"].as_str().unwrap().to_owned())
        });
        let bounds = points[0]["explicitBounds"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        Self {
            name: text("name"),
            unit: text("unit"),
            description: text("description"),
            kind,
            bounds: bounds.iter().map(|bound| bound.as_f64().unwrap()).collect(),
            attributes: names.collect(),
        }
    }
}

#[tokio::test]
async fn every_span_arrives_as_the_catalogue_has_it() {
    const CLIENT: i64 = 3;
    const INTERNAL: i64 = 1;
    for way in [Spans::Tracing, Spans::OpenTelemetry] {
        let collector = collector().await;
        let provider = tracer_provider(&collector);
        let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "tests");
        let _turn = GLOBAL.lock().await;
        opentelemetry::global::set_tracer_provider(provider.clone());
        let subscriber = tracing_subscriber::registry()
            .with(
                tracing_opentelemetry::layer()
                    .with_tracer(tracer)
                    .with_location(false)
                    .with_threads(false)
                    .with_target(false)
                    .with_tracked_inactivity(false),
            )
            .with(LevelFilter::INFO);
        let instrumentation = Instrumentation::builder()
            .spans(way)
            .connection_spans(true)
            .queue_spans(true)
            .upgrade_spans(true)
            .build();
        {
            // Set for this thread, which is the only one that runs tasks.
            let _subscriber = tracing::subscriber::set_default(subscriber);
            everything_happens(&instrumentation).await;
        }
        tokio::task::spawn_blocking(move || provider.shutdown().unwrap())
            .await
            .unwrap();
        let spans: Vec<serde_json::Value> = collector
            .with_collector(|collector| {
                let spans = collector.spans().iter();
                spans
                    .map(|span| serde_json::to_value(span.span()).unwrap())
                    .collect()
            })
            .await;
        let of = |name: &str| -> Vec<&serde_json::Value> {
            let starts = |span: &&serde_json::Value| {
                span["name"].as_str().is_some_and(|n| n.starts_with(name))
            };
            spans.iter().filter(starts).collect()
        };
        let known: BTreeSet<&str> = attribute::REQUEST_SPAN.iter().copied().collect();
        let mut occurred = BTreeSet::new();
        let requests: Vec<_> = spans.iter().filter(|s| s["kind"] == CLIENT).collect();
        assert_eq!(requests.len(), 9, "{way:?}");
        for span in requests {
            let names = names(span);
            let unknown: Vec<_> = names.iter().filter(|n| !known.contains(&***n)).collect();
            assert_eq!(unknown, Vec::<&String>::new(), "{way:?}");
            for first in &attribute::REQUEST_SPAN[..4] {
                assert!(names.contains(*first), "{way:?}: {first} of {names:?}");
            }
            let code = span["status"]["code"].as_i64().unwrap_or_default();
            assert_eq!(
                code == 2,
                names.contains(attribute::ERROR_TYPE),
                "{way:?} {span}"
            );
            assert_eq!(span["status"]["message"].as_str().unwrap_or_default(), "");
            occurred.extend(names);
        }
        // Only of requests that are sent again, and of contexts.
        let not_here = [
            attribute::HTTP_REQUEST_RESEND_COUNT,
            attribute::HTTP_CONTEXT_NAME,
        ];
        let missing: Vec<_> = known
            .iter()
            .filter(|name| !occurred.contains(**name) && !not_here.contains(name))
            .collect();
        assert_eq!(missing, Vec::<&&str>::new(), "{way:?}");
        assert_eq!(of("POST /{path}").len(), 2, "{way:?}");
        assert_eq!(of("HTTP wait_for_connection").len(), 1, "{way:?}");
        assert!(of("HTTP connection_setup").len() >= 3, "{way:?}");
        let upgraded = of("HTTP upgraded_connection");
        assert_eq!(upgraded.len(), 1, "{way:?}");
        assert_eq!(upgraded[0]["kind"], INTERNAL);
        assert_eq!(upgraded[0]["links"].as_array().unwrap().len(), 1, "{way:?}");
        // It did not break, and nobody has closed it in words.
        let not_here = [
            attribute::ERROR_TYPE,
            attribute::HTTP_CONTEXT_WEBSOCKET_CLOSE_CODE,
        ];
        let expected = attribute::UPGRADED_SPAN.iter().copied();
        let expected: BTreeSet<_> = expected.filter(|name| !not_here.contains(name)).collect();
        let has = names(upgraded[0]);
        assert_eq!(has.iter().map(|n| &**n).collect::<BTreeSet<_>>(), expected);
        let context = of("http_context");
        assert_eq!(context.len(), 1, "{way:?}");
        assert_eq!(context[0]["kind"], INTERNAL);
        let events = context[0]["events"].as_array().unwrap();
        let has = |name: &str| events.iter().any(|event| event["name"] == name);
        assert!(
            has("http_context.leak") && has("http_context.nested_open"),
            "{way:?}"
        );
    }
}

fn names(span: &serde_json::Value) -> BTreeSet<String> {
    let attributes = span["attributes"].as_array().unwrap();
    // The layer's own, which give the level.
    let names = attributes
        .iter()
        .map(|a| a["key"].as_str().unwrap().to_owned());
    names
        .filter(|name| !matches!(&**name, "level" | "target"))
        .collect()
}
