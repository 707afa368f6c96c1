//! A job that makes its worker crash, and the next worker that it is handed to.

use serde_json::json;

use super::{RedisServer, enqueue, serve};
use crate::support::{Files, Gate, to_lines};

#[test]
fn a_job_that_ends_its_workers_fails_as_poisoned_and_those_beside_it_do_not() {
    let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
    let url = |id: &str| gate.url(&format!("/{id}"));
    let jobs = ["a", "poison", "b"].map(|id| json!({"id": id, "url": url(id)}));
    enqueue(&redis, &files.write("jobs", to_lines(jobs)), &[]);
    let more = [
        "--takeover",
        "2",
        "--max-crashes",
        "2",
        "--concurrency",
        "3",
    ];
    let start = |name: &str| serve(&redis, &files.path(name), &more);
    let mut first = start("first");
    let held = [gate.next(), gate.next(), gate.next()];
    first.0.kill().unwrap();
    first.wait();
    for arrival in held {
        arrival.wait_closed();
    }
    // From now on one at a time: each would be poisoned if this worker ended with it in hand.
    let mut second = start("second");
    let arrival = gate.next();
    assert_eq!(arrival.path(), "/a");
    arrival.answer();
    let arrival = gate.next();
    assert_eq!(arrival.path(), "/poison");
    second.0.kill().unwrap();
    second.wait();
    arrival.wait_closed();

    let third = start("third");
    let arrival = gate.next();
    assert_eq!(arrival.path(), "/b");
    arrival.answer();
    redis.until_empty();
    third.signal("TERM");
    let done = third.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(done.stderr.contains("a job is poisoned"), "{}", done.stderr);
    assert_eq!(files.read("first"), "");
    assert_eq!(files.json("second")[0]["id"], "a");
    let mut lines = files.json("third");
    lines.sort_by_key(|line| line["id"].to_string());
    let ends: Vec<_> = lines
        .iter()
        .map(|line| (&line["id"], &line["status"]))
        .collect();
    assert_eq!(
        ends,
        [
            (&json!("b"), &json!("ok")),
            (&json!("poison"), &json!("failed"))
        ]
    );
    assert!(
        lines[1]["error"]
            .as_str()
            .unwrap()
            .starts_with("poisoned: 2 workers")
    );
    redis.assert_tidy();
}

#[test]
fn a_job_that_is_given_back_is_not_blamed() {
    let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
    let jobs = to_lines([json!({"id": "slow", "url": gate.url("/")})]);
    enqueue(&redis, &files.write("jobs", jobs), &[]);
    let more = [
        "--takeover",
        "2",
        "--max-crashes",
        "2",
        "--drain-timeout",
        "0",
    ];
    let start = || serve(&redis, &files.path("results"), &more);
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
    redis.until_empty();
    run.signal("TERM");
    assert_eq!(run.wait().code(), 0);
    assert_eq!(files.json("results")[0]["status"], "ok");
}
