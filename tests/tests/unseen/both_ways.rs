//! What a scrape gets and what OpenTelemetry gets are the same numbers.

#![expect(
    clippy::float_cmp,
    reason = "gauges are moved by whole numbers and halves, which add up exactly"
)]

use std::collections::BTreeMap;

use http_context::{OpenError, SessionPool, http_session};
use http_context_middleware::{
    Instrumentation, OpenTelemetryRecorder, Spans, attribute, catalogue, with_catalogue_buckets,
};
use http_context_tests::Server;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::{Fanout, FanoutBuilder};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, MetricData, ScopeMetrics,
};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

use crate::rig::Exported;
use crate::unseen::see_no_closes;

/// Values by their name and sorted labels, as Prometheus has them.
type Numbers = BTreeMap<(String, Vec<(String, String)>), f64>;

/// Both exporters, behind one recorder.
struct BothWays {
    recorder: Fanout,
    prometheus: PrometheusHandle,
    provider: SdkMeterProvider,
    opentelemetry: InMemoryMetricExporter,
}

impl BothWays {
    fn new() -> Self {
        let prometheus = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
        let handle = prometheus.handle();
        let opentelemetry = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder()
            .with_periodic_exporter(opentelemetry.clone())
            .build();
        let recorder = FanoutBuilder::default()
            .add_recorder(prometheus)
            .add_recorder(OpenTelemetryRecorder::new(&provider))
            .build();
        Self {
            recorder,
            prometheus: handle,
            provider,
            opentelemetry,
        }
    }

    /// The numbers as they are now, the same in both ways.
    fn numbers(&self) -> Numbers {
        let scraped: Numbers = Exported::parse(&self.prometheus.render())
            .into_numbers()
            .collect();
        let received = self.received();
        let lacks = |one: &Numbers, other: &Numbers| {
            let lacks = one.keys().filter(|series| !other.contains_key(*series));
            lacks.cloned().collect::<Vec<_>>()
        };
        let only_one_has = [lacks(&scraped, &received), lacks(&received, &scraped)];
        assert_eq!(only_one_has, [[], []]);
        for (series, value) in &scraped {
            // Sums of durations are added up in another order.
            let apart = (value - received[series]).abs();
            assert!(apart < 1e-9, "{series:?}: {value} and {}", received[series]);
        }
        scraped
    }

    fn received(&self) -> Numbers {
        self.opentelemetry.reset();
        self.provider.force_flush().unwrap();
        let mut numbers = Numbers::new();
        for resource in self.opentelemetry.get_finished_metrics().unwrap() {
            for metric in resource.scope_metrics().flat_map(ScopeMetrics::metrics) {
                let known = catalogue().find(|known| known.name == metric.name());
                let name = known.map_or(metric.name(), |known| known.prometheus_name);
                let mut add = |suffix: &str, labels, value| {
                    let before = numbers.insert((format!("{name}{suffix}"), labels), value);
                    assert_eq!(before, None, "{name} is there twice");
                };
                match metric.data() {
                    AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                        for point in sum.data_points() {
                            add("", labels(point.attributes()), to_f64(point.value()));
                        }
                    }
                    AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                        for point in sum.data_points() {
                            add("", labels(point.attributes()), point.value());
                        }
                    }
                    AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                        for point in histogram.data_points() {
                            let labels = labels(point.attributes());
                            add("_sum", labels.clone(), point.sum());
                            add("_count", labels.clone(), to_f64(point.count()));
                            for (le, count) in buckets(point) {
                                let mut labels = labels.clone();
                                labels.push(("le".to_owned(), le));
                                labels.sort();
                                add("_bucket", labels, count);
                            }
                        }
                    }
                    other => panic!("{name} has a type of its own: {other:?}"),
                }
            }
        }
        numbers
    }
}

/// How many values are at most as high as each bound.
fn buckets(point: &HistogramDataPoint<f64>) -> impl Iterator<Item = (String, f64)> {
    let bounds = point.bounds().map(|bound| bound.to_string());
    let bounds = bounds.chain(["+Inf".to_owned()]);
    let counts = point.bucket_counts().scan(0, |sum, count| {
        *sum += count;
        Some(to_f64(*sum))
    });
    bounds.zip(counts)
}

/// The attributes as Prometheus has them. Only those that count are numbers.
fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<(String, String)> {
    const NUMBERS: [&str; 2] = [attribute::SERVER_PORT, attribute::HTTP_RESPONSE_STATUS_CODE];
    let mut labels: Vec<_> = attributes
        .map(|KeyValue { key, value, .. }| {
            let is_number = matches!(value, Value::I64(_));
            assert_eq!(is_number, NUMBERS.contains(&key.as_str()), "{key}={value}");
            (key.as_str().replace('.', "_"), value.to_string())
        })
        .collect();
    labels.sort();
    labels
}

#[allow(clippy::cast_precision_loss, reason = "tests count in thousands")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

/// The value of the one series of this name that has these labels.
fn number(numbers: &Numbers, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |of: &[(String, String)]| {
        let is = |&(label, value)| of.iter().any(|(l, v)| l == label && v == value);
        labels.iter().all(is)
    };
    let of_name = |((n, l), _): &(&(String, Vec<_>), _)| n == name && has(l);
    let found: Vec<_> = numbers.iter().filter(of_name).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}");
    *found[0].1
}

#[tokio::test]
async fn both_get_the_same_numbers_at_every_time() {
    let (both, server) = (BothWays::new(), Server::start());
    see_no_closes();
    // For this thread, on which everything happens: also closes, by the end of the session.
    let _local = metrics::set_default_local_recorder(&both.recorder);
    let instrumentation = Instrumentation::builder().spans(Spans::Off).build();
    let context = http_context::builder()
        .observer(instrumentation.clone())
        .configure(reqwest::ClientBuilder::no_proxy);
    let gauge = |name: &str, labels: &[(&str, &str)]| number(&both.numbers(), name, labels);
    let connections = |state| {
        let state = [("http_connection_state", state)];
        gauge("http_client_open_connections", &state)
    };

    let work = context.clone().open(async {
        let session = http_session()?;
        for path in ["/status/404", "/bytes/3000"] {
            let upload = session.post(server.url(path)).body("upload");
            upload.send().await.unwrap().bytes().await.unwrap();
        }
        assert_eq!(connections("idle"), 1.0);
        let body = session.get(server.url("/slow-body")).send().await.unwrap();
        assert_eq!((connections("active"), connections("idle")), (1.0, 0.0));
        drop(body);
        assert_eq!(gauge("http_context_contexts_active", &[]), 1.0);
        Ok::<_, OpenError>([session.clone(), session.clone(), session])
    });
    let [one, two, three] = work.await.unwrap();
    let leaks = || gauge("http_context_leaks_open", &[("kind", "session_handle")]);
    assert_eq!(leaks(), 3.0);
    drop((one, two));
    assert_eq!(leaks(), 1.0);
    drop(three);
    assert_eq!(leaks(), 0.0);
    assert_eq!(gauge("http_context_contexts_active", &[]), 0.0);

    let pool = SessionPool::builder()
        .session(context.session_options())
        .observer(instrumentation)
        .max_size(3)
        .build();
    let sessions = |state| gauge("http_context_pool_sessions", &[("state", state)]);
    let work = context.pool(pool.clone()).open(async {
        http_session()?;
        assert_eq!((sessions("used"), sessions("idle")), (1.0, 0.0));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert_eq!((sessions("used"), sessions("idle")), (0.0, 1.0));
    assert_eq!(gauge("http_context_pool_max", &[]), 3.0);
    pool.close().await;
    assert_eq!(gauge("http_context_pool_max", &[]), 0.0);
}

#[test]
fn both_get_what_others_record_under_the_names_it_has() {
    let both = BothWays::new();
    metrics::with_local_recorder(&both.recorder, || {
        let depth = metrics::gauge!("queue_depth", "queue" => "7");
        depth.set(5.0);
        depth.increment(4.0);
        depth.decrement(2.5);
        let of_queue = [("queue", "7")];
        assert_eq!(number(&both.numbers(), "queue_depth", &of_queue), 6.5);
        depth.set(2.0);
        assert_eq!(number(&both.numbers(), "queue_depth", &of_queue), 2.0);
        let seen = metrics::counter!("jobs_seen");
        seen.increment(3);
        assert_eq!(number(&both.numbers(), "jobs_seen", &[]), 3.0);
        // A counter only goes up.
        for absolute in [8, 5] {
            seen.absolute(absolute);
            assert_eq!(number(&both.numbers(), "jobs_seen", &[]), 8.0);
        }
    });
}
