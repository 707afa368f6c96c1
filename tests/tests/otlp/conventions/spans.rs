//! What a span of a request has.

use std::collections::BTreeMap;

use http_context_middleware::{Instrumentation, Spans};
use http_context_tests::{RefusedPort, Server};
use opentelemetry_semantic_conventions::attribute as semconv;
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::ends::{Expected, SPANS, each_end};
use super::{attributes, is_ours};
use crate::{GLOBAL, collector, names, tracer_provider};

fn check_span(span: &Value, expected: &Expected, server: &str, port: u16, way: Spans) {
    const CLIENT: i64 = 3;
    const ERROR: i64 = 2;
    let told = format!("{way:?} {} {}", expected.name, expected.path);
    assert_eq!(span["name"], expected.name, "{told}");
    assert_eq!(span["kind"], CLIENT, "{told}");
    let code = span["status"]["code"].as_i64().unwrap_or_default();
    assert_eq!(
        code,
        if expected.error.is_some() { ERROR } else { 0 },
        "{told}"
    );
    let message = span["status"]["message"].as_str().unwrap_or_default();
    assert_eq!(message, "", "{told}");
    let mut has = attributes(span);
    has.retain(|name, _| !is_ours(name));
    let port = port.to_string();
    let url = format!("http://{server}:{port}{}", expected.path);
    let mut wanted = BTreeMap::from([
        (semconv::HTTP_REQUEST_METHOD, expected.method),
        (semconv::SERVER_ADDRESS, server),
        (semconv::SERVER_PORT, &port),
        (semconv::URL_FULL, &url),
    ]);
    wanted.extend(expected.more.iter().copied());
    if let Some(status) = expected.status {
        wanted.extend([
            (semconv::HTTP_RESPONSE_STATUS_CODE, status),
            (semconv::NETWORK_PROTOCOL_VERSION, "1.1"),
            (semconv::NETWORK_PEER_ADDRESS, server),
            (semconv::NETWORK_PEER_PORT, &port),
        ]);
    }
    if let Some(error) = expected.error {
        wanted.insert(semconv::ERROR_TYPE, error);
    }
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let wanted: BTreeMap<_, _> = wanted.into_iter().map(owned).collect();
    assert_eq!(has, wanted, "{told}");
}

#[tokio::test]
async fn a_span_has_what_the_conventions_ask_of_it_however_its_request_ends() {
    for way in [Spans::Tracing, Spans::OpenTelemetry] {
        let (collector, server, refused) = (collector().await, Server::start(), RefusedPort::new());
        let provider = tracer_provider(&collector);
        let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "conventions");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        let subscriber = tracing_subscriber::registry().with(layer);
        let subscriber = subscriber.with(LevelFilter::INFO);
        let _turn = GLOBAL.lock().await;
        opentelemetry::global::set_tracer_provider(provider.clone());
        let instrumentation = Instrumentation::builder().spans(way).build();
        {
            // Set for this thread, which is the only one that runs tasks.
            let _subscriber = tracing::subscriber::set_default(subscriber);
            each_end(&instrumentation, &server, &refused).await;
        }
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown());
        flushed.await.unwrap().unwrap();
        let spans: Vec<Value> = collector
            .with_collector(|collector| {
                let spans = collector.spans().iter();
                let json = spans.map(|span| serde_json::to_value(span.span()).unwrap());
                json.filter(|span| span["kind"] == 3).collect()
            })
            .await;
        assert_eq!(spans.len(), SPANS.len(), "{way:?}");
        for (span, expected) in spans.iter().zip(SPANS) {
            assert!(names(span).contains(semconv::URL_FULL));
            let port = match expected.error {
                Some("connection_error") => refused.addr().port(),
                _ => server.addr().port(),
            };
            check_span(span, expected, "127.0.0.1", port, way);
        }
    }
}
