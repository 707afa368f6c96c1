//! `--pool`: sessions that jobs hand on to one another, as the server and the metrics see them.

use serde_json::{Value, json};

use crate::exposition::Exposition;
use crate::support::{Files, Gate, Running, Server, finish, job_lines, to_lines};

const JOBS: i64 = 200;
const AT_ONCE: i64 = 4;
/// A connection that is not back in its session when the next job begins is missed, and another one
/// opened.
const FEW: i64 = 5 * AT_ONCE;

/// Runs jobs of one request each, and returns the summary.
fn run_jobs(files: &Files, jobs: String, more: &[&str]) -> Value {
    files.write("jobs", jobs);
    let mut command = files.command(&[("--metrics-file", "metrics")]);
    command.args(["--json", "--concurrency", &AT_ONCE.to_string()]);
    let done = finish(command.args(more));
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
    done.summary()
}

fn one_request_each(server: &Server) -> String {
    job_lines((0..JOBS).map(|i| (format!("job-{i}"), server.url("/item/1"))))
}

fn accepted(server: &Server) -> i64 {
    i64::try_from(server.seen().accepted).unwrap()
}

fn requests(server: &Server) -> i64 {
    i64::try_from(server.seen().requests()).unwrap()
}

/// How many result lines have that use of their connection.
fn used(files: &Files, connection: &str) -> i64 {
    let lines = files.json("results");
    let reported = lines
        .iter()
        .filter(|line| line["requests"][0]["connection"] == connection);
    i64::try_from(reported.count()).unwrap()
}

#[test]
fn jobs_of_one_request_come_over_the_connections_of_the_jobs_before_them() {
    let (files, server) = (Files::new(), Server::start());
    let summary = run_jobs(&files, one_request_each(&server), &[]);
    assert_eq!(requests(&server), JOBS);
    let opened = accepted(&server);
    assert!((1..=FEW).contains(&opened), "{opened}");
    assert_eq!(summary["connections_opened"], opened);
    assert_eq!(summary["connections_reused"], JOBS - opened);
    assert_eq!(used(&files, "new"), opened);
    assert_eq!(used(&files, "reused"), JOBS - opened);
    let in_exits: i64 = files
        .json("results")
        .iter()
        .map(|line| line["exit"]["connections_opened"].as_i64().unwrap())
        .sum();
    assert_eq!(in_exits, opened);
}

#[test]
fn the_pool_is_reported_and_has_closed_with_its_connections_when_the_metrics_are_written() {
    let (files, server) = (Files::new(), Server::start());
    let summary = run_jobs(&files, one_request_each(&server), &[]);
    let metrics = Exposition::new(files.read("metrics"));
    let sessions = metrics.sum("http_context_pool_create_time_seconds_count", &[]);
    assert!((1..=AT_ONCE).contains(&sessions), "{sessions}");
    for name in ["wait_time", "use_time"] {
        let count = metrics.sum(&format!("http_context_pool_{name}_seconds_count"), &[]);
        assert_eq!(count, JOBS, "{name}");
    }
    let from = |source: &str| {
        let label = format!("source=\"{source}\"");
        metrics.sum("http_context_sessions_total", &[&label])
    };
    assert_eq!(from("created"), sessions);
    assert_eq!(from("pooled"), JOBS - sessions);
    for gauge in [
        "http_context_pool_sessions",
        "http_context_pool_pending_requests",
        "http_client_open_connections",
    ] {
        assert!(metrics.has(gauge, &[]), "{gauge}");
        assert_eq!(metrics.sum(gauge, &[]), 0, "{gauge}");
    }
    let closed = metrics.sum(
        "http_context_connections_closed_total",
        &["reason=\"session_closed\""],
    );
    assert_eq!(Some(closed), summary["connections_opened"].as_i64());
}

#[test]
fn without_the_pool_each_job_opens_a_connection_of_its_own() {
    let (files, server) = (Files::new(), Server::start());
    let summary = run_jobs(&files, one_request_each(&server), &["--pool", "0"]);
    assert_eq!(accepted(&server), JOBS);
    assert_eq!(summary["connections_opened"], JOBS);
    assert_eq!(used(&files, "new"), JOBS);
    assert!(!files.read("metrics").contains("http_context_pool_"));
}

#[test]
fn a_job_with_a_proxy_has_a_session_of_its_own() {
    let (files, server) = (Files::new(), Server::start());
    // The server takes a request for any host, and so is a proxy.
    let (url, proxy) = (server.url("/item/1"), server.url(""));
    let jobs =
        (0..20).map(|i| json!({"id": format!("job-{i}"), "url": url, "proxy": proxy.as_str()}));
    let summary = run_jobs(&files, to_lines(jobs), &[]);
    assert_eq!(accepted(&server), 20);
    assert_eq!(summary["connections_opened"], 20);
    assert_eq!(used(&files, "new"), 20);
}

#[test]
fn with_fewer_sessions_than_jobs_at_once_the_sessions_bound_the_load() {
    let (files, gate) = (Files::new(), Gate::start());
    let jobs = job_lines((0..6).map(|i| (format!("job-{i}"), gate.url("/"))));
    files.write("jobs", jobs);
    let mut command = files.command(&[]);
    let run = Running::start(command.args(["--concurrency", "6", "--pool", "2", "--json"]));
    for _ in 0..3 {
        let two = [gate.next(), gate.next()];
        assert!(gate.arrived().is_none(), "a third job has a session");
        for arrival in two {
            arrival.answer();
        }
    }
    let done = run.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(done.summary()["jobs"]["ok"], 6);
}
