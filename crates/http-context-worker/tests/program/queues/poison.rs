//! A job that makes its worker crash, and the next worker that it is handed to.

use serde_json::json;

use super::{SharedServer, enqueue, over_each_server, serve};
use crate::support::{Files, Gate, to_lines, until};

over_each_server! {
    a_job_that_ends_its_workers_fails_as_poisoned_and_those_beside_it_do_not
    a_job_that_is_given_back_is_not_blamed
}

fn a_job_that_ends_its_workers_fails_as_poisoned_and_those_beside_it_do_not<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    let url = |id: &str| gate.url(&format!("/{id}"));
    let jobs = ["a", "poison", "b"].map(|id| json!({"id": id, "url": url(id)}));
    enqueue(&store, &files.write("jobs", to_lines(jobs)), &[]);
    let more = [
        "--takeover",
        "2",
        "--max-crashes",
        "2",
        "--concurrency",
        "3",
    ];
    let start = |name: &str| serve(&store, &files.path(name), &more);
    let mut first = start("first");
    let held = [gate.next(), gate.next(), gate.next()];
    first.0.kill().unwrap();
    first.wait();
    for arrival in held {
        arrival.wait_closed();
    }
    // From now on one at a time: each would be poisoned if this worker ended with it in hand.
    let mut second = start("second");
    let poison = loop {
        let arrival = gate.next();
        assert!(gate.arrived().is_none());
        if arrival.path() == "/poison" {
            break arrival;
        }
        arrival.answer();
    };
    second.0.kill().unwrap();
    second.wait();
    poison.wait_closed();

    let third = start("third");
    // What the second has not done, and what it had not settled yet.
    until("all are finished", || {
        while let Some(arrival) = gate.arrived() {
            assert_ne!(arrival.path(), "/poison");
            arrival.answer();
        }
        store.unfinished() == 0
    });
    third.signal("TERM");
    let done = third.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(done.stderr.contains("a job is poisoned"), "{}", done.stderr);
    assert_eq!(files.read("first"), "");
    let mut lines = files.json("third");
    lines.extend(files.json("second"));
    lines.sort_by_key(|line| line["id"].to_string());
    let ends: Vec<_> = lines
        .iter()
        .map(|line| (&line["id"], &line["status"]))
        .collect();
    assert_eq!(
        ends,
        [
            (&json!("a"), &json!("ok")),
            (&json!("b"), &json!("ok")),
            (&json!("poison"), &json!("failed"))
        ]
    );
    assert!(
        lines[2]["error"]
            .as_str()
            .unwrap()
            .starts_with("poisoned: 2 workers")
    );
    store.assert_tidy();
}

fn a_job_that_is_given_back_is_not_blamed<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    let jobs = to_lines([json!({"id": "slow", "url": gate.url("/")})]);
    enqueue(&store, &files.write("jobs", jobs), &[]);
    let more = [
        "--takeover",
        "2",
        "--max-crashes",
        "2",
        "--drain-timeout",
        "0",
    ];
    let start = || serve(&store, &files.path("results"), &more);
    let mut run = start();
    gate.next();
    run.0.kill().unwrap();
    run.wait();
    for _ in 0..3 {
        let run = start();
        let arrival = gate.next();
        run.signal("TERM");
        assert_eq!(run.wait().code(), 0);
        arrival.wait_closed();
    }
    let run = start();
    gate.next().answer();
    store.until_empty();
    run.signal("TERM");
    assert_eq!(run.wait().code(), 0);
    assert_eq!(files.json("results")[0]["status"], "ok");
}
