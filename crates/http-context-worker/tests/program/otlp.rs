//! OTLP, as a collector receives it, and what a bad collector changes: nothing.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use mock_collector::{MockServer, Protocol, ServerHandle};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::support::{Files, Finished, Gate, Server, finish, nobody, run_command, to_lines};

const JOBS: usize = 10;
const CLIENT: i64 = 3;

fn command(files: &Files, server: &Server) -> Command {
    let jobs = (0..JOBS).map(|i| {
        let url = server.url("/item/1");
        json!({"id": format!("job-{i}"), "requests": vec![json!({"url": url}); 3]})
    });
    let jobs = files.write("jobs", to_lines(jobs));
    let results = files.path("results");
    let _ = std::fs::remove_file(&results);
    run_command(&[&"--jobs", &jobs, &"--results", &results, &"--json"])
}

fn export_to(files: &Files, server: &Server, protocol: &str, endpoint: &str) -> Finished {
    let mut command = command(files, server);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
    command.env(
        "OTEL_RESOURCE_ATTRIBUTES",
        "deployment.environment.name=tests",
    );
    finish(&mut command)
}

/// What arrived: spans, and metrics by name, in their JSON form.
async fn received(collector: &ServerHandle) -> (Vec<Value>, Vec<Value>, BTreeSet<String>) {
    collector
        .with_collector(|collector| {
            let json = |item: &dyn erased::Item| item.json();
            let spans = collector.spans().iter().map(|span| json(span.span()));
            let metrics = collector.metrics().iter().map(|one| json(one.metric()));
            let attributes = collector.spans().iter().flat_map(|span| {
                let attributes = span.resource_attrs().iter();
                attributes.map(|one| {
                    let one = json(one);
                    format!(
                        "{}={}",
                        text(&one["key"]),
                        text(&one["value"]["stringValue"])
                    )
                })
            });
            (spans.collect(), metrics.collect(), attributes.collect())
        })
        .await
}

/// The types of the protocol are of the collector's version, which is not for us to name.
mod erased {
    pub(super) trait Item {
        fn json(&self) -> serde_json::Value;
    }

    impl<T: serde::Serialize> Item for T {
        fn json(&self) -> serde_json::Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The id of the context that a span names.
fn context_id(span: &Value) -> String {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes
        .iter()
        .find(|one| one["key"] == "http_context.id");
    found.unwrap()["value"]["intValue"].to_string()
}

async fn everything_arrives(protocol: Protocol, name: &'static str) {
    let collector = MockServer::builder()
        .protocol(protocol)
        .start()
        .await
        .unwrap();
    let endpoint = format!("http://{}", collector.addr());
    let (done, seen) = tokio::task::spawn_blocking(move || {
        let (files, server) = (Files::new(), Server::start());
        (export_to(&files, &server, name, &endpoint), server.seen())
    })
    .await
    .unwrap();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{name}");
    let (spans, metrics, resource) = received(&collector).await;

    let requests: Vec<&Value> = spans.iter().filter(|span| span["kind"] == CLIENT).collect();
    let contexts: Vec<&Value> = spans
        .iter()
        .filter(|span| span["name"] == "http_context")
        .collect();
    assert_eq!(json!(requests.len()), done.summary()["requests"], "{name}");
    // The exporters' own requests are none of ours: the server saw what was counted.
    assert_eq!(requests.len() as u64, seen.requests());
    assert_eq!(contexts.len(), JOBS);
    assert_eq!(spans.len(), requests.len() + contexts.len());
    let ids: BTreeSet<String> = contexts.into_iter().map(context_id).collect();
    assert_eq!(ids.len(), JOBS);
    for request in requests {
        assert!(ids.contains(&context_id(request)), "{request}");
    }
    assert!(
        resource.contains("service.name=http-context-worker"),
        "{resource:?}"
    );
    assert!(
        resource.contains("deployment.environment.name=tests"),
        "{resource:?}"
    );

    let jobs = metrics
        .iter()
        .rfind(|metric| metric["name"] == "http_context.worker.jobs")
        .unwrap();
    let ok: i64 = jobs["sum"]["dataPoints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|point| point["attributes"][0]["value"]["stringValue"] == "ok")
        .map(|point| {
            let value = &point["asInt"];
            value
                .as_i64()
                .unwrap_or_else(|| text(value).parse().unwrap())
        })
        .sum();
    assert_eq!(json!(ok), done.summary()["jobs"]["ok"], "{name}");
    #[cfg(target_os = "linux")]
    for process in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(
            metrics.iter().any(|metric| metric["name"] == process),
            "{process}"
        );
    }
}

#[cfg(feature = "otlp-grpc")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_grpc_each_job_and_each_request_is_a_span_and_the_metrics_are_those_of_the_summary() {
    everything_arrives(Protocol::Grpc, "grpc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_http_each_job_and_each_request_is_a_span_and_the_metrics_are_those_of_the_summary() {
    everything_arrives(Protocol::HttpBinary, "http/protobuf").await;
}

fn results(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        format!("{} {}", text_of(&line, "id"), text_of(&line, "status"))
    };
    text.lines().map(id).collect()
}

fn text_of(line: &Value, field: &str) -> String {
    text(&line[field]).to_owned()
}

#[test]
fn a_collector_that_is_dead_or_refuses_changes_nothing_for_jobs_and_what_was_lost_is_reported() {
    let (files, server) = (Files::new(), Server::start());
    let plain = finish(&mut command(&files, &server));
    let expected = results(&files.path("results"));
    for (protocol, endpoint) in [
        #[cfg(feature = "otlp-grpc")]
        ("grpc", nobody()),
        ("http/protobuf", nobody()),
    ] {
        let done = export_to(&files, &server, protocol, &endpoint);
        assert_eq!(done.code(), 0, "{protocol}: {}", done.stderr);
        assert_eq!(done.summary()["jobs"], plain.summary()["jobs"]);
        assert_eq!(results(&files.path("results")), expected);
        let lost = 4 * JOBS;
        let reported = format!("not exported: {lost} of {lost} spans, 1 of 1 exports of metrics\n");
        assert_eq!(done.stderr, reported, "{protocol}");
    }
    // One that refuses: the demo's servers know no such path.
    let done = export_to(&files, &server, "http/protobuf", &server.url(""));
    assert_eq!(done.code(), 0);
    assert!(
        done.stderr
            .starts_with("not exported: 40 of 40 spans, 1 of 1 exports of metrics"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_collector_that_never_answers_holds_up_neither_jobs_nor_the_end() {
    let (files, server) = (Files::new(), Server::start());
    // One that accepts and reads, and one that does not even accept.
    let (silent, deaf) = (Gate::start(), TcpListener::bind("127.0.0.1:0").unwrap());
    let deaf = format!("http://{}", deaf.local_addr().unwrap());
    for endpoint in [silent.url(""), deaf] {
        let began = Instant::now();
        let done = export_to(&files, &server, "http/protobuf", &endpoint);
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert!(done.summary()["duration_ms"].as_u64().unwrap() < 4000);
        assert!(
            began.elapsed() < Duration::from_secs(12),
            "{:?}",
            began.elapsed()
        );
        assert!(
            done.stderr.starts_with("not exported: 40 of 40 spans"),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn variables_that_nothing_can_be_made_of_are_named() {
    let (files, server) = (Files::new(), Server::start());
    let done = export_to(&files, &server, "smoke", "http://127.0.0.1:4317");
    assert_eq!(
        done.refusal(),
        "error: cannot export telemetry: OTEL_EXPORTER_OTLP_PROTOCOL is \"smoke\", it can be grpc or \
         http/protobuf"
    );
}
