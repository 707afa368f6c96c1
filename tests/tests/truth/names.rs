//! What is exported has the names of the catalogue.

use std::collections::BTreeSet;
use std::sync::Arc;

use http_context::{LeakKind, OpenError, http_session};
use http_context_middleware::{
    Instrumentation, MetricKind, MetricNames, MetricUnit, Spans, catalogue, with_catalogue_buckets,
};
use http_context_tests::Server;
use metrics::Unit;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::debugging::DebuggingRecorder;

#[tokio::test]
async fn exported_names_types_and_labels_are_those_of_the_catalogue() {
    for recommended in [false, true] {
        let builder = PrometheusBuilder::new().with_recommended_naming(recommended);
        let recorder = with_catalogue_buckets(builder).build_recorder();
        let (handle, server) = (recorder.handle(), Server::start());
        let instrumentation = Instrumentation::builder()
            .spans(Spans::Off)
            .recorder(Arc::new(recorder))
            .build();
        http_context::builder()
            .observer(instrumentation)
            .configure(reqwest::ClientBuilder::no_proxy)
            .open(async {
                let session = http_session().unwrap();
                for path in ["/ok", "/redirect/1", "/status/404"] {
                    let request = session.post(server.url(path)).body("body");
                    request.send().await.unwrap().bytes().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let text = handle.render();
        let mut seen = BTreeSet::new();
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').unwrap();
                let metric = catalogue().find(|metric| metric.prometheus_name == name);
                let metric = metric.unwrap_or_else(|| panic!("{name} is not in the catalogue"));
                assert_eq!(kind, metric.kind.as_str());
                assert!(text.contains(&format!("# HELP {name} {}", metric.description)));
                seen.insert(name.to_owned());
            } else if let Some((name, rest)) = line.split_once('{') {
                let of = |m: &&http_context_middleware::Metric| {
                    let of_histogram = m.kind == MetricKind::Histogram
                        && name
                            .strip_prefix(m.prometheus_name)
                            .is_some_and(|suffix| ["_bucket", "_sum", "_count"].contains(&suffix));
                    m.prometheus_name == name || of_histogram
                };
                let metric = catalogue().find(of).unwrap();
                let known: Vec<_> = metric
                    .attributes
                    .iter()
                    .map(|a| a.replace('.', "_"))
                    .collect();
                for label in rest.split("\",").filter_map(|label| label.split_once('=')) {
                    let is_known = label.0 == "le" || known.iter().any(|known| known == label.0);
                    assert!(is_known, "{} of {name}", label.0);
                }
            }
        }
        assert!(seen.len() >= 14, "{seen:?}");
        for kind in LeakKind::ALL {
            // The first leak is an increase only where there was a zero before it.
            let zero = format!("http_context_leaks_total{{kind=\"{kind}\"}} 0\n");
            assert!(text.contains(&zero), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_bridge_that_takes_names_as_they_are_gets_those_of_opentelemetry_with_their_units() {
    let recorder = DebuggingRecorder::new();
    let (exported, server) = (recorder.snapshotter(), Server::start());
    let instrumentation = Instrumentation::builder()
        .spans(Spans::Off)
        .recorder(Arc::new(recorder))
        .metric_names(MetricNames::OpenTelemetry)
        .build();
    let context = http_context::builder()
        .observer(instrumentation)
        .configure(reqwest::ClientBuilder::no_proxy);
    let work = context.open(async {
        let request = http_session()?.get(server.url("/ok")).send();
        request.await.unwrap().bytes().await.unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let mut units = BTreeSet::new();
    for (key, unit, description, _) in exported.snapshot().into_vec() {
        let name = key.key().name();
        let metric = catalogue().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        let expected = match metric.unit {
            MetricUnit::Seconds => Unit::Seconds,
            MetricUnit::Bytes => Unit::Bytes,
            _ => Unit::Count,
        };
        assert_eq!(unit, Some(expected), "{name}");
        assert_eq!(description.as_deref(), Some(metric.description));
        units.insert(expected.as_str());
    }
    assert_eq!(units.len(), 3, "{units:?}");
}
