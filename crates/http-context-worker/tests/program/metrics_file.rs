//! `--metrics-file`: the figures of the instrumentation, held against the summary and the servers.

use serde_json::{Value, json};

use crate::exposition::Exposition;
use crate::support::{Files, Server, finish, run_command, to_lines};

const JOBS: &str = "http_context_worker_jobs_total";

/// Runs jobs of three requests each, and one that the server cannot serve at first.
fn run_jobs(files: &Files, server: &Server, more: &[&dyn AsRef<std::ffi::OsStr>]) -> Value {
    let mut jobs: Vec<Value> = (0..20)
        .map(|i| {
            let url = server.url("/item/1");
            json!({"id": format!("job-{i}"), "requests": vec![json!({"url": url}); 3]})
        })
        .collect();
    jobs.push(json!({"id": "retried", "url": server.url("/unavailable-once/1")}));
    jobs.push(json!({"id": "failed", "url": server.url("/there-is-no-such")}));
    let jobs = files.write("jobs", to_lines(jobs));
    let mut command = run_command(&[&"--jobs", &jobs, &"--fail-on-status", &"--json"]);
    command
        .args(["--max-attempts", "2", "--retry-delay", "0", "--results"])
        .arg(files.path("results"))
        .arg("--metrics-file")
        .arg(files.path("metrics"));
    for arg in more {
        command.arg(arg.as_ref());
    }
    let done = finish(&mut command);
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert_eq!(done.stderr, "");
    done.summary()
}

fn equal(left: i64, right: &Value) {
    assert_eq!(Some(left), right.as_i64());
}

#[test]
fn its_figures_are_those_of_the_summary_and_of_the_server() {
    let (files, server) = (Files::new(), Server::start());
    let summary = run_jobs(&files, &server, &[]);
    let seen = server.seen();
    let text = files.read("metrics");
    let metrics = Exposition::new(&text);

    for status in ["ok", "failed", "retried"] {
        let found = metrics.sum(JOBS, &[&format!("status=\"{status}\"")]);
        equal(found, &summary["jobs"][status]);
    }
    let source = |source: &str| {
        let label = format!("source=\"{source}\"");
        metrics.sum("http_context_request_connections_total", &[&label])
    };
    equal(source("reused"), &summary["connections_reused"]);
    equal(
        metrics.sum("http_context_connection_create_duration_seconds_count", &[]),
        &summary["connections_opened"],
    );
    let requests = metrics.sum("http_client_request_duration_seconds_count", &[]);
    equal(requests, &summary["requests"]);
    assert_eq!(requests, source("new") + source("reused"));
    assert_eq!(requests, i64::try_from(seen.requests()).unwrap());
    // One context for each attempt: 20 jobs of one, and two of two.
    assert_eq!(metrics.sum("http_context_contexts_total", &[]), 24);
    assert_eq!(metrics.sum("http_context_leaks_total", &[]), 0);
}

#[test]
fn it_is_written_when_everything_has_closed() {
    let (files, server) = (Files::new(), Server::start());
    let summary = run_jobs(&files, &server, &[]);
    let text = files.read("metrics");
    let metrics = Exposition::new(&text);
    for gauge in [
        "http_context_contexts_active",
        "http_client_active_requests",
        "http_client_open_connections",
    ] {
        assert!(metrics.has(gauge, &[]), "{gauge}\n{text}");
        assert_eq!(metrics.sum(gauge, &[]), 0, "{gauge}\n{text}");
    }
    equal(
        metrics.sum("http_context_connections_closed_total", &[]),
        &summary["connections_opened"],
    );
}

#[test]
fn it_describes_what_it_tells_and_has_buckets() {
    let (files, server) = (Files::new(), Server::start());
    run_jobs(&files, &server, &[]);
    let text = files.read("metrics");
    for line in [
        "# TYPE http_context_worker_jobs_total counter",
        "# TYPE http_client_request_duration_seconds histogram",
        "# TYPE http_context_contexts_active gauge",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is missing\n{text}"
        );
    }
    assert!(text.contains("# HELP http_context_worker_jobs_total Jobs, by how they ended"));
    assert!(text.contains("le=\"0.005\""));
    assert!(!text.contains("quantile="));
}

#[test]
fn a_state_that_goes_on_goes_on_counting_its_jobs() {
    let (files, server) = (Files::new(), Server::start());
    let state = files.path("state");
    let first = run_jobs(&files, &server, &[&"--state", &state]);
    let again = run_jobs(&files, &server, &[&"--state", &state]);
    assert_eq!(first["jobs"], again["jobs"]);
    let metrics = Exposition::new(files.read("metrics"));
    equal(metrics.sum(JOBS, &["status=\"ok\""]), &again["jobs"]["ok"]);
}

#[test]
fn attempts_are_timed_by_what_became_of_them_and_nothing_is_left_in_the_queue() {
    let (files, server) = (Files::new(), Server::start());
    run_jobs(&files, &server, &[]);
    let metrics = Exposition::new(files.read("metrics"));
    let count = "http_context_worker_job_duration_seconds_count";
    let kind = "kind=\"http-context-worker\"";
    for (status, attempts) in [("ok", 21), ("failed", 1), ("retried", 2)] {
        let status = format!("status=\"{status}\"");
        assert_eq!(metrics.sum(count, &[&status, kind]), attempts, "{status}");
    }
    let queue = "http_context_worker_queue_jobs";
    for state in [
        "state=\"waiting\"",
        "state=\"running\"",
        "state=\"settling\"",
        "state=\"delayed\"",
    ] {
        assert!(metrics.has(queue, &[state]));
        assert_eq!(metrics.sum(queue, &[state]), 0, "{state}");
    }
}
