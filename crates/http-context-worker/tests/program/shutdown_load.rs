//! SIGTERM under full load: warm sessions, sixty-four jobs at once, a collector at the other end.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use mock_collector::{MockServer, Protocol, ServerHandle};
use serde_json::Value;
use tokio::time::Instant;

use crate::exposition::Exposition;
use crate::support::{Files, Finished, Gate, Running, Server, job_lines, until};

const AT_ONCE: usize = 64;
const DRAIN: Duration = Duration::from_secs(3);
/// What an end may take beyond the drain deadline.
const MORE: Duration = Duration::from_secs(2);

fn command(files: &Files, jobs: String, collector: &str) -> Command {
    files.write("jobs", jobs);
    let mut command = files.command(&[("--state", "state"), ("--metrics-file", "metrics")]);
    command.args(["--json", "--concurrency", &AT_ONCE.to_string()]);
    command.args(["--drain-timeout", &DRAIN.as_secs().to_string()]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    command
}

/// More jobs at a slow server than a test lets happen, and the signal in the midst of them.
fn stopped_under_load(files: &Files, server: &Server, collector: &str) -> Finished {
    let jobs = job_lines((0..5000).map(|i| (format!("job-{i}"), server.url("/slow"))));
    let run = Running::start(&mut command(files, jobs, collector));
    until("jobs end and others run", || {
        let results = std::fs::read_to_string(files.path("results"));
        results.is_ok_and(|results| results.lines().count() > AT_ONCE)
    });
    let asked = Instant::now();
    run.signal("TERM");
    let done = run.wait();
    let took = asked.elapsed();
    assert!(took < DRAIN + MORE, "{took:?}: {}", done.stderr);
    assert_eq!(done.code(), 143, "{}", done.stderr);
    done
}

/// Every request that the server saw stands in a result line, and in the metrics.
fn each_request_is_reported(files: &Files, server: &Server, done: &Finished) -> u64 {
    let seen = server.seen().requests();
    assert!(seen > AT_ONCE as u64);
    let lines = files.json("results");
    let reported = |field: &str| -> u64 {
        let exits = lines
            .iter()
            .map(|line| line["exit"][field].as_u64().unwrap());
        exits.sum()
    };
    assert_eq!(reported("requests"), seen);
    assert_eq!(done.summary()["requests"], seen);
    assert!(lines.iter().all(|line| line["status"] == "ok"));
    assert_eq!(reported("connections_opened"), server.seen().accepted);
    let metrics = Exposition::new(files.read("metrics"));
    let count = |name: &str| metrics.sum(name, &[]);
    let seen_count = i64::try_from(seen).unwrap();
    assert_eq!(
        count("http_client_request_duration_seconds_count"),
        seen_count
    );
    for gauge in [
        "http_context_contexts_active",
        "http_client_active_requests",
        "http_client_open_connections",
        "http_context_pool_sessions",
    ] {
        assert_eq!(count(gauge), 0, "{gauge}");
    }
    server.all_closed();
    seen
}

async fn start_collector() -> (ServerHandle, String) {
    let builder = MockServer::builder().protocol(Protocol::HttpBinary);
    let collector = builder.start().await.unwrap();
    let address = format!("http://{}", collector.addr());
    (collector, address)
}

/// The names of the spans that arrived, by what they are about.
async fn spans(collector: &ServerHandle) -> (u64, u64) {
    collector
        .with_collector(|collector| {
            let count = |name: &str| {
                let named = collector
                    .spans()
                    .iter()
                    .filter(|span| span.span().name == name);
                named.count() as u64
            };
            (count("GET"), count("http_context"))
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_began_is_reported_and_exported_in_time() {
    let (collector, address) = start_collector().await;
    let (seen, done) = tokio::task::spawn_blocking(move || {
        let (files, server) = (Files::new(), Server::start());
        let done = stopped_under_load(&files, &server, &address);
        (each_request_is_reported(&files, &server, &done), done)
    })
    .await
    .unwrap();
    assert!(!done.stderr.contains("not exported"), "{}", done.stderr);
    assert_eq!(spans(&collector).await, (seen, seen));
    let jobs = collector
        .with_collector(|collector| {
            let metrics = collector.metrics().iter();
            let names = metrics.map(|metric| metric.metric().name.clone());
            names.collect::<BTreeSet<String>>()
        })
        .await;
    assert!(jobs.contains("http_context.worker.jobs"), "{jobs:?}");
}

#[test]
fn a_collector_that_never_answers_takes_nothing_from_that_and_what_is_lost_is_counted() {
    let (files, server, silent) = (Files::new(), Server::start(), Gate::start());
    let done = stopped_under_load(&files, &server, &silent.url(""));
    let seen = each_request_is_reported(&files, &server, &done);
    // A span for each request and for its job.
    let lost = grouped(2 * seen);
    let reported = format!("not exported: {lost} of {lost} spans, 1 of 1 exports of metrics\n");
    assert!(done.stderr.contains(&reported), "{reported}{}", done.stderr);
}

/// Requests that are never answered are cut off at the deadline: their jobs stay in the queue, and
/// their spans and their metrics say that they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_cut_off_are_exported_too() {
    let (collector, address) = start_collector().await;
    let done = tokio::task::spawn_blocking(move || {
        let (files, gate) = (Files::new(), Gate::start());
        let jobs = job_lines((0..AT_ONCE).map(|i| (format!("job-{i}"), gate.url("/"))));
        let run = Running::start(&mut command(&files, jobs, &address));
        // A host has fifty slots in each session, and a session has one job.
        let stuck: Vec<_> = (0..AT_ONCE).map(|_| gate.next()).collect();
        let asked = Instant::now();
        run.signal("TERM");
        let done = run.wait();
        let took = asked.elapsed();
        assert!(took >= DRAIN && took < DRAIN + MORE, "{took:?}");
        for arrival in stuck {
            arrival.wait_closed();
        }
        assert_eq!(files.read("results"), "");
        let metrics = Exposition::new(files.read("metrics"));
        let cancelled = metrics.sum("http_context_contexts_total", &["outcome=\"cancelled\""]);
        assert_eq!(cancelled, 64);
        done
    })
    .await
    .unwrap();
    assert_eq!(done.code(), 143);
    assert_eq!(done.summary()["jobs"]["ok"], Value::from(0));
    assert!(!done.stderr.contains("not exported"), "{}", done.stderr);
    let at_once = AT_ONCE as u64;
    assert_eq!(spans(&collector).await, (at_once, at_once));
}

/// A number as people get it: its thousands set apart.
fn grouped(n: u64) -> String {
    match n {
        0..1000 => n.to_string(),
        _ => format!("{},{:03}", grouped(n / 1000), n % 1000),
    }
}
