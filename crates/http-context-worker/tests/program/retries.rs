//! Failed attempts.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::{Files, Gate, Running, Server, finish, job_lines, nobody};

#[test]
fn a_fault_that_goes_away_is_retried_and_reported() {
    let (files, server) = (Files::new(), Server::start());
    files.write(
        "jobs",
        job_lines([
            ("busy".to_owned(), server.url("/unavailable-once/a")),
            ("hung-up".to_owned(), server.url("/hang-up-once/b")),
            ("fine".to_owned(), server.url("/item/1")),
        ]),
    );
    let done = finish(files.command(&[("--metrics-file", "metrics")]).args([
        "--max-attempts",
        "3",
        "--retry-delay",
        "0",
        "--fail-on-status",
        "--json",
    ]));
    assert_eq!(done.code(), 0, "{}{}", done.stderr, files.read("results"));
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 3, "failed": 0, "retried": 2, "rejected": 0})
    );
    assert_eq!(done.summary()["requests"], 5);
    assert_eq!(server.seen().requests(), 5);
    let results = files.json("results");
    assert_eq!(results.len(), 3);
    for line in results {
        assert_eq!(line["attempts"], if line["id"] == "fine" { 1 } else { 2 });
        assert_eq!(line["error"], serde_json::Value::Null);
    }
    assert!(
        files
            .read("metrics")
            .contains("http_context_worker_jobs_total{status=\"retried\"} 2")
    );
}

#[test]
fn the_last_attempt_is_the_result() {
    let files = Files::new();
    files.write("jobs", job_lines([("gone".to_owned(), nobody())]));
    let mut command = files.command(&[]);
    command.args(["--max-attempts", "4", "--retry-delay", "0", "--json"]);
    let done = finish(&mut command);
    assert_eq!(done.code(), 1);
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 0, "failed": 1, "retried": 1, "rejected": 0})
    );
    assert_eq!(done.summary()["requests"], 4);
    let results = files.json("results");
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["attempts"], 4);
}

#[test]
fn a_job_that_waits_for_its_next_attempt_holds_no_slot() {
    let (files, server) = (Files::new(), Server::start());
    let mut jobs = vec![("gone".to_owned(), nobody())];
    jobs.extend((0..5).map(|i| (format!("fine-{i}"), server.url("/item/1"))));
    files.write("jobs", job_lines(jobs));
    let mut command = files.command(&[]);
    command.args(["--max-attempts", "2", "--concurrency", "1", "--json"]);
    let done = finish(&mut command);
    assert_eq!(done.code(), 1);
    let results = files.json("results");
    assert_eq!(results.last().unwrap()["id"], "gone");
    assert_eq!(results.last().unwrap()["attempts"], 2);
}

#[test]
fn a_server_that_asks_for_a_wait_is_obeyed() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for (status, headers, seconds) in [
        (
            "503 Service Unavailable",
            "retry-after: 2\r\n".to_owned(),
            2,
        ),
        (
            "429 Too Many Requests",
            format!("{date}retry-after: Sun, 06 Nov 1994 08:49:39 GMT\r\n"),
            2,
        ),
        (
            "429 Too Many Requests",
            format!("{date}retry-after: Sun, 06 Nov 1994 08:49:30 GMT\r\n"),
            0,
        ),
        (
            "503 Service Unavailable",
            "retry-after: soon\r\n".to_owned(),
            0,
        ),
    ] {
        let (files, gate) = (Files::new(), Gate::start());
        files.write("jobs", job_lines([("a".to_owned(), gate.url("/"))]));
        let mut command = files.command(&[]);
        command.args([
            "--max-attempts",
            "2",
            "--retry-delay",
            "0",
            "--fail-on-status",
        ]);
        let run = Running::start(&mut command);
        let arrival = gate.next();
        let answered = Instant::now();
        arrival.answer_with(status, &headers);
        let again = gate.next();
        assert!(
            answered.elapsed() >= Duration::from_secs(seconds),
            "{headers}"
        );
        again.answer();
        assert_eq!(run.wait().code(), 0);
        assert_eq!(files.json("results")[0]["attempts"], 2);
    }
}
