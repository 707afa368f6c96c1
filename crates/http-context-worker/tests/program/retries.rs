//! Failed attempts.

use serde_json::json;

use crate::support::{Files, Server, finish, job_lines, nobody};

#[test]
fn a_fault_that_goes_away_is_retried_and_told() {
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
