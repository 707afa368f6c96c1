//! A job that makes its worker crash, again and again.

use serde_json::json;

use crate::support::{Files, Gate, Running, to_lines};

const STATE: [(&str, &str); 1] = [("--state", "state")];

fn start(files: &Files, more: &[&str]) -> Running {
    let mut command = files.command(&[STATE[0], ("--metrics-file", "metrics")]);
    Running::start(command.arg("--json").args(more))
}

fn jobs(gate: &Gate, ids: &[&str]) -> String {
    to_lines(
        ids.iter()
            .map(|id| json!({"id": id, "url": gate.url(&format!("/{id}"))})),
    )
}

#[test]
fn a_job_that_ends_its_worker_is_tried_a_bounded_number_of_times_and_fails_as_poisoned() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", jobs(&gate, &["poison"]));
    let bound = ["--max-crashes", "3"];
    for _ in 0..3 {
        let mut run = start(&files, &bound);
        let arrival = gate.next();
        run.0.kill().unwrap();
        run.wait();
        arrival.wait_closed();
    }
    let done = start(&files, &bound).wait();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert!(gate.arrived().is_none(), "it was tried once more");
    assert!(
        done.stderr
            .contains("a job is poisoned, and is not tried again"),
        "{}",
        done.stderr
    );
    let results = files.json("results");
    assert_eq!(results.len(), 1);
    assert_eq!(
        (&results[0]["id"], &results[0]["status"]),
        (&json!("poison"), &json!("failed"))
    );
    assert_eq!(results[0]["attempts"], 3);
    let error = results[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("poisoned: 3 workers in a row ended"),
        "{error}"
    );
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 0, "failed": 1, "retried": 0, "rejected": 0})
    );
    let metrics = files.read("metrics");
    for sum in ["{status=\"poisoned\"} 1", "{status=\"failed\"} 1"] {
        assert!(
            metrics.contains(&format!("http_context_worker_jobs_total{sum}")),
            "{metrics}"
        );
    }
    // It has its result, and does not come again.
    let again = start(&files, &bound).wait();
    assert_eq!(again.summary()["jobs"]["failed"], 1);
    assert_eq!(files.json("results").len(), 1);
}

/// The job that ends its worker comes to its request last, so those beside it are in hand each time.
#[test]
fn jobs_beside_a_poisoned_one_are_not_blamed() {
    let (files, gate) = (Files::new(), Gate::start());
    let beside = ["a", "b", "c", "d"];
    files.write("jobs", jobs(&gate, &["a", "b", "poison", "c", "d"]));
    let more = ["--max-crashes", "3", "--concurrency", "5"];
    let mut crashes = 0;
    let done = loop {
        let mut run = start(&files, &more);
        let mut held = Vec::new();
        let ended = loop {
            if let Some(arrival) = gate.arrived() {
                if arrival.path() == "/poison" {
                    run.0.kill().unwrap();
                    break run.wait();
                }
                held.push(arrival);
                // They take until it is sure that the other one is not among them.
                if crashes >= 2 {
                    held.drain(..).for_each(crate::support::Arrival::answer);
                }
            }
            if run.0.try_wait().unwrap().is_some() {
                break run.wait();
            }
            std::thread::yield_now();
        };
        if ended.status.code().is_some() {
            break ended;
        }
        crashes += 1;
        assert!(crashes <= 3, "it was tried once more");
    };
    assert_eq!(crashes, 3);
    assert_eq!(done.code(), 1, "{}", done.stderr);
    for line in files.json("results") {
        let is_ok = beside.contains(&line["id"].as_str().unwrap());
        assert_eq!(
            line["status"],
            if is_ok { "ok" } else { "failed" },
            "{line}"
        );
    }
    assert_eq!(files.json("results").len(), 5);
}

#[test]
fn a_job_that_is_cut_off_by_a_signal_is_not_blamed() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", jobs(&gate, &["slow"]));
    let more = ["--max-crashes", "2", "--drain-timeout", "0"];
    // One crash, so that it is looked at from then on.
    let mut run = start(&files, &more);
    gate.next();
    run.0.kill().unwrap();
    run.wait();
    for _ in 0..4 {
        let run = start(&files, &more);
        let arrival = gate.next();
        run.signal("TERM");
        assert_eq!(run.wait().code(), 143);
        arrival.wait_closed();
    }
    let run = start(&files, &more);
    gate.next().answer();
    let done = run.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.json("results")[0]["status"], "ok");
}

#[test]
fn an_attempt_that_comes_to_an_end_clears_its_job() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", jobs(&gate, &["a"]));
    let more = [
        "--max-crashes",
        "2",
        "--max-attempts",
        "9",
        "--retry-delay",
        "0",
    ];
    for _ in 0..3 {
        let mut run = start(&files, &more);
        // This one fails, and is tried again.
        drop(gate.next());
        let arrival = gate.next();
        run.0.kill().unwrap();
        run.wait();
        arrival.wait_closed();
    }
    let run = start(&files, &more);
    gate.next().answer();
    let done = run.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.json("results")[0]["attempts"], 4);
}
