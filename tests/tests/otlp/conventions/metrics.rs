//! What the metrics of the conventions have.

use std::collections::BTreeMap;
use std::sync::Arc;

use http_context_middleware::{Instrumentation, MetricKind, OpenTelemetryRecorder, Spans};
use http_context_tests::{RefusedPort, Server};
use opentelemetry_semantic_conventions::{attribute as semconv, metric as semconv_metric};
use serde_json::Value;

use super::attributes;
use super::ends::{Expected, SPANS, each_end};
use super::names::METRICS;
use crate::{collector, metrics_to};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metric_has_what_the_conventions_ask_of_it_however_its_request_ends() {
    let (collector, server, refused) = (collector().await, Server::start(), RefusedPort::new());
    let provider = metrics_to(&collector);
    let instrumentation = Instrumentation::builder()
        .spans(Spans::Off)
        .recorder(Arc::new(OpenTelemetryRecorder::new(&provider)))
        .build();
    each_end(&instrumentation, &server, &refused).await;
    let flushed = tokio::task::spawn_blocking(move || provider.shutdown());
    flushed.await.unwrap().unwrap();
    let metrics: BTreeMap<String, Value> = collector
        .with_collector(|collector| {
            let metrics = collector.metrics().iter();
            let json = metrics.map(|one| serde_json::to_value(one.metric()).unwrap());
            let named = json.map(|metric| (metric["name"].as_str().unwrap().to_owned(), metric));
            named.collect()
        })
        .await;
    for convention in METRICS {
        let told = convention.name;
        let Some(metric) = metrics.get(told) else {
            // No name was looked up: all servers are addresses.
            assert_eq!(told, semconv_metric::DNS_LOOKUP_DURATION);
            continue;
        };
        assert_eq!(metric["unit"], convention.unit, "{told}");
        let data = match convention.kind {
            MetricKind::Histogram => &metric["histogram"],
            _ => &metric["sum"],
        };
        let is_monotonic = data["isMonotonic"].as_bool().unwrap_or_default();
        assert!(!is_monotonic, "{told}");
        let points = data["dataPoints"].as_array().unwrap();
        assert!(!points.is_empty(), "{told}");
        for point in points {
            let has = attributes(point);
            for name in convention.required {
                assert!(has.contains_key(*name), "{told}: {name} of {has:?}");
            }
            let allowed = |name: &str| {
                convention.required.contains(&name) || convention.conditional.contains(&name)
            };
            assert!(has.keys().all(|name| allowed(name)), "{told}: {has:?}");
            if let Some(buckets) = convention.buckets {
                let bounds = point["explicitBounds"].as_array().unwrap();
                let bounds: Vec<_> = bounds.iter().filter_map(Value::as_f64).collect();
                assert_eq!(bounds, buckets, "{told}");
            }
        }
    }
    let duration = &metrics[semconv_metric::HTTP_CLIENT_REQUEST_DURATION]["histogram"];
    let points = duration["dataPoints"].as_array().unwrap();
    let mut ends: Vec<_> = points.iter().map(attributes).map(end_of).collect();
    ends.sort();
    let mut expected: Vec<_> = SPANS.iter().map(expected_end).collect();
    expected.sort();
    expected.dedup();
    assert_eq!(ends, expected);
}

/// What distinguishes the series of a duration: method, status, error, template, version.
type End = [Option<String>; 5];

fn end_of(mut attributes: BTreeMap<String, String>) -> End {
    [
        semconv::HTTP_REQUEST_METHOD,
        semconv::HTTP_RESPONSE_STATUS_CODE,
        semconv::ERROR_TYPE,
        semconv::URL_TEMPLATE,
        semconv::NETWORK_PROTOCOL_VERSION,
    ]
    .map(|name| attributes.remove(name))
}

fn expected_end(span: &Expected) -> End {
    let more = span.more.iter();
    let template = more.filter(|(name, _)| *name == semconv::URL_TEMPLATE);
    let template = template.map(|(_, value)| *value).next();
    let version = span.status.map(|_| "1.1");
    [
        Some(span.method),
        span.status,
        span.error,
        template,
        version,
    ]
    .map(|one| one.map(str::to_owned))
}
