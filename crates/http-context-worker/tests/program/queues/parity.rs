//! What holds for the embedded queue holds for this one.

use serde_json::{Value, json};

use super::{SharedServer, enqueue, over_each_server, serve};
use crate::support::{
    Files, Finished, Gate, Server, finish, job_lines, nobody, run_command, to_lines,
};

over_each_server! {
    a_run_says_the_same_as_with_the_embedded_queue
    an_id_is_known_to_all_who_queue
    jobs_start_in_the_order_in_which_they_were_queued_and_retries_before_them
    a_retry_waits_and_the_last_attempt_is_the_result
    more_jobs_than_can_be_taken_at_once_are_taken
    what_stands_in_a_results_file_that_the_queue_does_not_know_is_kept
}

/// `run` on this queue.
fn run(store: &impl SharedServer, files: &Files, more: &[&str]) -> Finished {
    let mut command = files.command(&[("--rejects", "rejects")]);
    command.args(["--queue", &store.url(), "--json"]);
    finish(command.args(more))
}

fn a_run_says_the_same_as_with_the_embedded_queue<S: SharedServer>() {
    let jobs = |server: &Server| {
        let mut jobs = to_lines((0..20).map(|i| {
            let url = server.url("/item/1");
            json!({"id": format!("job-{i}"), "requests": vec![json!({"url": url}); 3]})
        }));
        jobs += &to_lines([
            json!({"id": "talk", "websocket": {"url": server.url("/websocket"), "receive": 2, "send":
                   ["hello", {"base64": "AAE="}], "headers": {"a": "b"}, "timeout_ms": 60_000}}),
            json!({"id": "refused", "websocket": {"url": server.url("/item/1")}}),
        ]);
        jobs += &job_lines([
            ("once".to_owned(), server.url("/unavailable-once/1")),
            ("missing".to_owned(), server.url("/there-is-no-such")),
            ("gone".to_owned(), nobody()),
            ("job-7".to_owned(), server.url("/item/1")),
        ]);
        jobs + "not a job\n"
    };
    let more = [
        "--max-attempts",
        "2",
        "--retry-delay",
        "0",
        "--fail-on-status",
        "--pool",
        "0",
    ];
    let reported = |files: &Files, done: &Finished| -> (i32, Value, Vec<Value>, Vec<Value>) {
        let mut lines = files.json("results");
        lines.sort_by_key(|line| line["id"].to_string());
        for line in &mut lines {
            for request in line["requests"].as_array_mut().unwrap() {
                request["duration_ms"] = Value::Null;
            }
            if let Some(websocket) = line.get_mut("websocket") {
                websocket["duration_ms"] = Value::Null;
            }
        }
        let mut summary = done.summary();
        summary["duration_ms"] = Value::Null;
        (done.code(), summary, lines, files.json("rejects"))
    };
    let (shared, server, store) = (Files::new(), Server::start(), S::start());
    shared.write("jobs", jobs(&server));
    let by_server = reported(&shared, &run(&store, &shared, &more));

    let (embedded, server) = (Files::new(), Server::start());
    embedded.write("jobs", jobs(&server));
    let mut command = run_command(&[
        &"--jobs",
        &embedded.path("jobs"),
        &"--results",
        &embedded.path("results"),
        &"--rejects",
        &embedded.path("rejects"),
        &"--json",
    ]);
    let by_sqlite = reported(&embedded, &finish(command.args(more)));
    assert_eq!(by_server, by_sqlite);
    assert_eq!(by_server.0, 2);
    store.assert_tidy();

    // Started again it has nothing to do, and says the same.
    let again = run(&store, &shared, &more);
    assert_eq!(again.summary()["jobs"], by_server.1["jobs"]);
    assert_eq!(shared.json("results").len(), 25);
}

fn an_id_is_known_to_all_who_queue<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let lines = |ids: &[&str]| job_lines(ids.iter().map(|id| ((*id).to_owned(), nobody())));
    let first = enqueue(&store, &files.write("one", lines(&["a", "b"])), &[]);
    assert_eq!(
        (first.code(), first.stderr.as_str()),
        (0, "2 jobs queued, 0 lines rejected\n")
    );
    let second = files.write("two", lines(&["x", "b", "y", "x"]));
    let second = enqueue(&store, &second, &["--json", "--rejects", "-"]);
    assert_eq!(second.code(), 2);
    let reported: Vec<Value> = second
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        reported,
        [
            json!({"line": 2, "field": "id", "error": "stood on line 2 already"}),
            json!({"line": 4, "field": "id", "error": "stood on line 1 already"}),
            json!({"queued": 2, "rejected": 2}),
        ]
    );
    assert_eq!(store.unfinished(), 4);
}

fn jobs_start_in_the_order_in_which_they_were_queued_and_retries_before_them<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    let jobs = (0..5).map(|i| json!({"id": format!("job-{i}"), "url": gate.url(&format!("/{i}"))}));
    enqueue(&store, &files.write("jobs", to_lines(jobs)), &[]);
    let more = [
        "--concurrency",
        "1",
        "--max-attempts",
        "2",
        "--retry-delay",
        "0",
    ];
    let worker = serve(&store, &files.path("results"), &more);
    // The first attempt of the second job fails: it comes again before the third.
    for (place, is_answered) in [
        (0, true),
        (1, false),
        (1, true),
        (2, true),
        (3, true),
        (4, true),
    ] {
        let arrival = gate.next();
        assert_eq!(arrival.path(), format!("/{place}"));
        if is_answered {
            arrival.answer();
        }
    }
    store.until_empty();
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 5, "failed": 0, "retried": 1, "rejected": 0})
    );
}

fn a_retry_waits_and_the_last_attempt_is_the_result<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    files.write("jobs", job_lines([("gone".to_owned(), nobody())]));
    let done = run(
        &store,
        &files,
        &["--max-attempts", "3", "--retry-delay", "1"],
    );
    assert_eq!(done.code(), 1, "{}", done.stderr);
    let took = done.summary()["duration_ms"].as_u64().unwrap();
    assert!(took >= 3000, "1 s and 2 s of waiting took {took} ms");
    let results = files.json("results");
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["attempts"], 3);
    store.assert_tidy();
}

fn more_jobs_than_can_be_taken_at_once_are_taken<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let n = 12_000;
    let gone = nobody();
    files.write(
        "jobs",
        job_lines((0..n).map(|i| (format!("job-{i}"), gone.clone()))),
    );
    let done = run(
        &store,
        &files,
        &[
            "--max-attempts",
            "2",
            "--retry-delay",
            "0",
            "--concurrency",
            "200",
        ],
    );
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 0, "failed": n, "retried": n, "rejected": 0})
    );
    assert_eq!(files.json("results").len(), n);
}

fn what_stands_in_a_results_file_that_the_queue_does_not_know_is_kept<S: SharedServer>() {
    let (files, server, store) = (Files::new(), Server::start(), S::start());
    files.write("jobs", job_lines([("a".to_owned(), server.url("/item/1"))]));
    files.write("results", "{\"id\":\"before\"}\n");
    assert_eq!(run(&store, &files, &[]).code(), 0);
    let ids: Vec<_> = files
        .json("results")
        .iter()
        .map(|line| line["id"].clone())
        .collect();
    assert_eq!(ids, ["before", "a"]);
    files.write("results", "half a line");
    files.write("jobs", job_lines([("b".to_owned(), server.url("/item/1"))]));
    let mut command = run_command(&[&"--jobs", &files.path("jobs"), &"--queue", &store.url()]);
    let done = finish(
        command
            .arg("--results")
            .arg(files.write("torn", "half a line")),
    );
    assert!(
        done.refusal().contains("ends in the middle of a line"),
        "{}",
        done.stderr
    );
}
