//! Jobs that are cancelled and retried at the admin endpoint, over the embedded queue; `redis::control` has
//! the same over a shared one.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::admin::{Answer, admin_address, ask, get};
use crate::support::{Files, Gate, Running, Server, nobody, to_lines, until};

pub(crate) const TOKEN: &str = "correct-horse-battery-staple";

/// `run` with the admin endpoint and its token, from the file `jobs`.
pub(crate) fn command(files: &Files, queue: Option<&str>, more: &[&str]) -> Command {
    let mut command = files.command(&[]);
    command.args(["--json", "--admin", "127.0.0.1:0"]);
    command.args(more);
    if let Some(url) = queue {
        command.args(["--queue", url]);
    }
    // Where nobody else sees it.
    command.env("HTTP_CONTEXT_WORKER_ADMIN_TOKEN", TOKEN);
    command
}

/// Asks for something to be done to a job.
pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    ask(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ),
    )
}

fn debug(address: SocketAddr) -> Value {
    serde_json::from_str(&get(address, "/debug/contexts").body).unwrap()
}

/// The result of the job with this id, of which there is one.
fn result(files: &Files, id: &str) -> Value {
    let lines = files.json("results");
    let mut of = lines.into_iter().filter(|line| line["id"] == id);
    let line = of.next().unwrap_or_else(|| panic!("no result of {id}"));
    assert!(of.next().is_none(), "two results of {id}");
    line
}

pub(crate) fn cancels_what_runs_and_what_waits(queue: Option<&str>) {
    let (files, gate) = (Files::new(), Gate::start());
    let lines =
        ["runs", "waits", "last"].map(|id| json!({"id": id, "url": gate.url(&format!("/{id}"))}));
    files.write("jobs", to_lines(lines));
    let more = ["--concurrency", "1", "--max-attempts", "5"];
    let mut run = Running::start(&mut command(&files, queue, &more));
    let address = admin_address(&mut run);
    let arrival = gate.next();
    assert_eq!(arrival.path(), "/runs");
    // All are in the queue.
    until("all jobs wait", || {
        debug(address)["queue"]["unfinished"] == 3
    });
    let waits = post(address, "/jobs/cancel", &json!({"id": "waits"}));
    assert_eq!(waits.status, 202, "{}", waits.body);
    assert!(waits.body.contains("will not run"), "{}", waits.body);
    let number = debug(address)["jobs"][0]["number"].clone();
    let runs = post(address, "/jobs/cancel", &json!({"number": number}));
    assert_eq!(runs.status, 202, "{}", runs.body);
    assert!(runs.body.contains("is cut off"), "{}", runs.body);
    // Its request is aborted.
    arrival.wait_closed();
    let last = gate.next();
    assert_eq!(last.path(), "/last");
    let gone = post(address, "/jobs/cancel", &json!({"number": number}));
    assert_eq!(gone.status, 404, "{}", gone.body);
    last.answer();
    let done = run.wait();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert!(gate.arrived().is_none());
    for (id, attempts, outcome) in [("runs", 1, "cancelled"), ("waits", 0, "failed")] {
        let line = result(&files, id);
        assert_eq!(
            (&line["status"], &line["error"], &line["attempts"]),
            (
                &json!("failed"),
                &json!("cancelled at the admin endpoint"),
                &json!(attempts)
            ),
            "{line}"
        );
        assert_eq!(line["exit"]["outcome"], outcome);
    }
    assert_eq!(result(&files, "last")["status"], "ok");
    let summary = done.summary();
    assert_eq!(summary["jobs"]["failed"], 2);
    assert_eq!(summary["leaks"], 0);
}

pub(crate) fn runs_now_what_waits_for_its_next_attempt(queue: Option<&str>) {
    let (files, gate) = (Files::new(), Gate::start());
    let lines = ["again", "never"].map(|id| json!({"id": id, "url": gate.url(&format!("/{id}"))}));
    files.write("jobs", to_lines(lines));
    // Longer than the test may take.
    let more = [
        "--fail-on-status",
        "--max-attempts",
        "2",
        "--retry-delay",
        "60",
    ];
    let mut run = Running::start(&mut command(&files, queue, &more));
    let address = admin_address(&mut run);
    for _ in 0..2 {
        gate.next().answer_with("500 Fell", "");
    }
    let mut shown = Value::Null;
    until("both have failed and wait", || {
        shown = debug(address);
        let of = |state: &str| format!("http_context_worker_queue_jobs{{state=\"{state}\"}} 2\n");
        shown["failures"].as_array().unwrap().len() == 2
            && get(address, "/metrics").body.contains(&of("delayed"))
    });
    let failure = shown["failures"].as_array().unwrap().iter();
    let failure = failure.clone().find(|one| one["id"] == "again").unwrap();
    assert_eq!(failure["request"], format!("GET {}", gate.url("/again")));
    assert_eq!(failure["can_retry"], true);
    let now = post(
        address,
        "/jobs/retry",
        &json!({"number": failure["number"]}),
    );
    assert_eq!(now.status, 202, "{}", now.body);
    let arrival = gate.next();
    assert_eq!(arrival.path(), "/again");
    // It runs already.
    let runs = post(address, "/jobs/retry", &json!({"id": "again"}));
    assert_eq!(runs.status, 409, "{}", runs.body);
    arrival.answer();
    let never = post(address, "/jobs/cancel", &json!({"id": "never"}));
    assert_eq!(never.status, 202, "{}", never.body);
    let done = run.wait();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    let again = result(&files, "again");
    assert_eq!(
        (&again["status"], &again["attempts"]),
        (&json!("ok"), &json!(2))
    );
    let never = result(&files, "never");
    assert_eq!(never["error"], "cancelled at the admin endpoint");
    assert_eq!(never["attempts"], 1);
}

pub(crate) fn queues_what_failed_for_good_again_once(queue: Option<&str>) {
    let (files, gate) = (Files::new(), Gate::start());
    let lines = [
        json!({"id": "fails", "url": gate.url("/fails")}),
        json!({"id": "lasts", "url": gate.url("/lasts")}),
    ];
    files.write("jobs", to_lines(lines));
    let more = ["--fail-on-status", "--concurrency", "2"];
    let mut run = Running::start(&mut command(&files, queue, &more));
    let address = admin_address(&mut run);
    let mut arrivals = [gate.next(), gate.next()];
    arrivals.sort_by_key(|arrival| arrival.path().to_owned());
    let [fails, lasts] = arrivals;
    fails.answer_with("500 Fell", "");
    until("it has its result", || {
        debug(address)["queue"]["finished"] == 1
    });
    let retry = |id: &str| post(address, "/jobs/retry", &json!({"id": id}));
    let first = retry("fails");
    assert_eq!(first.status, 202, "{}", first.body);
    let said: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(said["id"], "fails~retry1");
    let arrival = gate.next();
    let twice = retry("fails");
    assert_eq!(
        (twice.status, twice.body.contains("fails~retry1")),
        (409, true),
        "{}",
        twice.body
    );
    arrival.answer_with("500 Fell", "");
    until("that has its result", || {
        debug(address)["queue"]["finished"] == 2
    });
    assert_eq!(retry("fails~retry1").status, 202);
    gate.next().answer();
    // What was never there, and what is done and did not fail.
    until("the second retry is done", || {
        debug(address)["queue"]["finished"] == 3
    });
    for id in ["nobody", "fails~retry2"] {
        assert_eq!(retry(id).status, 404, "{id}");
    }
    lasts.answer();
    let done = run.wait();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    let statuses = ["fails", "fails~retry1", "fails~retry2", "lasts"]
        .map(|id| result(&files, id)["status"].clone());
    assert_eq!(statuses, ["failed", "failed", "ok", "ok"]);
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 2, "failed": 2, "retried": 0, "rejected": 0})
    );
}

pub(crate) fn runs_and_cancels_what_is_scheduled(queue: Option<&str>) {
    let (files, gate) = (Files::new(), Gate::start());
    let lines = ["now", "never"].map(|id| {
        let url = gate.url(&format!("/{id}"));
        json!({"id": id, "url": url, "run_at": "2999-01-01T00:00:00Z"})
    });
    files.write("jobs", to_lines(lines));
    let mut run = Running::start(&mut command(&files, queue, &[]));
    let address = admin_address(&mut run);
    let delayed = |jobs: u8| {
        until("the gauge counts what is scheduled", || {
            let of = format!("http_context_worker_queue_jobs{{state=\"delayed\"}} {jobs}\n");
            get(address, "/metrics").body.contains(&of)
        });
    };
    delayed(2);
    let now = post(address, "/jobs/retry", &json!({"id": "now"}));
    assert_eq!(now.status, 202, "{}", now.body);
    let arrival = gate.next();
    delayed(1);
    let never = post(address, "/jobs/cancel", &json!({"id": "never"}));
    assert_eq!(never.status, 202, "{}", never.body);
    delayed(0);
    arrival.answer();
    assert_eq!(run.wait().code(), 1);
    assert_eq!(result(&files, "now")["status"], "ok");
    assert_eq!(
        result(&files, "never")["error"],
        "cancelled at the admin endpoint"
    );
    assert!(gate.arrived().is_none());
}

#[test]
fn a_job_that_is_scheduled_is_run_or_cancelled_before_its_time() {
    runs_and_cancels_what_is_scheduled(None);
}

#[test]
fn a_job_is_cancelled_while_it_runs_and_while_it_waits() {
    cancels_what_runs_and_what_waits(None);
}

#[test]
fn a_job_that_waits_for_its_next_attempt_is_run_or_cancelled_at_once() {
    runs_now_what_waits_for_its_next_attempt(None);
}

#[test]
fn a_job_that_failed_for_good_is_queued_again_as_one_of_its_own_and_once() {
    queues_what_failed_for_good_again_once(None);
}

#[test]
fn without_a_token_nothing_can_be_done_and_no_job_is_kept() {
    let (server, files, gate) = (Server::start(), Files::new(), Gate::start());
    let lines = [
        json!({"id": "failed", "url": nobody()}),
        json!({"id": "ok", "url": server.url("/item/1")}),
        json!({"id": "lasts", "url": gate.url("/")}),
    ];
    files.write("jobs", to_lines(lines));
    let mut command = command(&files, None, &["--concurrency", "1"]);
    let mut run = Running::start(command.env_remove("HTTP_CONTEXT_WORKER_ADMIN_TOKEN"));
    let address = admin_address(&mut run);
    let arrival = gate.next();
    for (path, id) in [("/jobs/cancel", "lasts"), ("/jobs/retry", "failed")] {
        let refused = post(address, path, &json!({"id": id}));
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    let shown = debug(address);
    assert_eq!(shown["can_control"], false);
    assert_eq!(shown["failures"][0]["can_retry"], false);
    arrival.answer();
    assert_eq!(run.wait().summary()["jobs"]["ok"], 2);
}

#[test]
fn a_token_that_cannot_be_one_is_refused_with_a_sentence() {
    let files = Files::new();
    files.write("jobs", "");
    let mut by_variable = command(&files, None, &[]);
    by_variable.env("HTTP_CONTEXT_WORKER_ADMIN_TOKEN", "short");
    let done = crate::support::finish(&mut by_variable);
    assert_eq!(
        done.refusal(),
        "error: HTTP_CONTEXT_WORKER_ADMIN_TOKEN: a token has at least 16 characters, all of them visible ASCII"
    );
    let done =
        crate::support::finish(command(&files, None, &["--admin-token", "short"]).env_remove("X"));
    assert_eq!(done.code(), 2);
    assert!(
        done.stderr.contains("at least 16 characters"),
        "{}",
        done.stderr
    );
    // It says nothing of what it was.
    assert!(done.stderr.contains("--admin-token"), "{}", done.stderr);
}

#[test]
fn nothing_is_done_to_a_job_of_a_worker_that_is_on_its_way_out() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write(
        "jobs",
        to_lines([json!({"id": "lasts", "url": gate.url("/")})]),
    );
    let mut run = Running::start(&mut command(&files, None, &[]));
    let address = admin_address(&mut run);
    let arrival = gate.next();
    run.signal_heard("TERM");
    for path in ["/jobs/cancel", "/jobs/retry"] {
        let refused = post(address, path, &json!({"id": "lasts"}));
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(refused.body.contains("on its way out"), "{}", refused.body);
    }
    arrival.answer();
    assert_eq!(run.wait().summary()["jobs"]["ok"], 1);
}
