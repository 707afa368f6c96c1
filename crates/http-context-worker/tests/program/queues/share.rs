//! Several processes on one queue.

use http_context_worker::{Enqueued, JobQueue};
use serde_json::json;
use tokio::task::JoinSet;

use super::{SharedServer, counted, enqueue, over_each_server, serve};
use crate::support::{Files, Gate, Server, job_lines};

over_each_server! {
    jobs_that_many_tasks_queue_at_once_are_all_in_the_queue
    three_processes_share_the_jobs_and_do_each_once
    a_worker_that_is_asked_to_end_gives_its_jobs_back_at_once
    a_worker_that_slept_too_long_finds_its_job_in_other_hands_and_its_line_does_not_stand
}

fn three_processes_share_the_jobs_and_do_each_once<S: SharedServer>() {
    let (files, server, store) = (Files::new(), Server::start(), S::start());
    let n = 6000;
    let jobs = job_lines((0..n).map(|i| (format!("job-{i}"), server.url("/item/1"))));
    let names: Vec<String> = (0..3).map(|i| format!("results-{i}")).collect();
    let workers: Vec<_> = names
        .iter()
        .map(|name| serve(&store, &files.path(name), &["--concurrency", "16"]))
        .collect();
    let queued = enqueue(&store, &files.write("jobs", jobs), &["--json"]);
    assert_eq!((queued.code(), queued.stderr.as_str()), (0, ""));
    assert_eq!(queued.summary(), json!({"queued": n, "rejected": 0}));
    store.until_empty();

    let mut ok = 0;
    for (worker, name) in workers.into_iter().zip(&names) {
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        let lines = files.json(name).len();
        assert!(lines > 0, "{name} has no part of it");
        assert_eq!(done.summary()["jobs"]["ok"], lines);
        assert_eq!(done.summary()["leaks"], 0);
        ok += lines;
    }
    assert_eq!(ok, n);
    let results = counted(&files, &names);
    assert_eq!(results.len(), n);
    assert!(results.values().all(|times| *times == 1));
    assert_eq!(server.seen().requests(), n as u64);
    store.assert_tidy();
}

fn a_worker_that_is_asked_to_end_gives_its_jobs_back_at_once<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    let jobs = job_lines((0..8).map(|i| (format!("job-{i}"), gate.url("/"))));
    enqueue(&store, &files.write("jobs", jobs), &[]);
    // Nobody is taken over here: what the other one gets was given back.
    let never = ["--takeover", "3600"];
    let first = serve(
        &store,
        &files.path("first"),
        &[&never[..], &["--concurrency", "4", "--drain-timeout", "0"]].concat(),
    );
    let under_way: Vec<_> = (0..4).map(|_| gate.next()).collect();
    first.signal("TERM");
    assert_eq!(first.wait().code(), 0);
    assert_eq!(files.read("first"), "");
    for arrival in under_way {
        arrival.wait_closed();
    }
    let second = serve(&store, &files.path("second"), &never);
    for _ in 0..8 {
        gate.next().answer();
    }
    store.until_empty();
    second.signal("TERM");
    assert_eq!(second.wait().code(), 0);
    let results = files.json("second");
    assert_eq!(results.len(), 8);
    assert!(results.iter().all(|line| line["attempts"] == 1));
    store.assert_tidy();
}

fn a_worker_that_slept_too_long_finds_its_job_in_other_hands_and_its_line_does_not_stand<
    S: SharedServer,
>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    let jobs = job_lines(["a", "b"].map(|id| (id.to_owned(), gate.url(&format!("/{id}")))));
    enqueue(&store, &files.write("jobs", jobs), &[]);
    let takeover = ["--takeover", "2", "--concurrency", "2"];
    let sleeper = serve(&store, &files.path("sleeper"), &takeover);
    let held = [gate.next(), gate.next()];
    sleeper.signal("STOP");
    let other = serve(&store, &files.path("other"), &takeover);
    let taken_over = [gate.next(), gate.next()];
    for arrival in taken_over {
        arrival.answer();
    }
    store.until_empty();
    sleeper.signal("CONT");
    for arrival in held {
        arrival.answer();
    }
    // It goes on: the next job is anybody's.
    other.signal("TERM");
    assert_eq!(other.wait().code(), 0);
    let more = job_lines([("c".to_owned(), gate.url("/c"))]);
    enqueue(&store, &files.write("more", more), &[]);
    gate.next().answer();
    store.until_empty();
    sleeper.signal("TERM");
    let done = sleeper.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("were taken over by another process"),
        "{}",
        done.stderr
    );
    let ids = |name| -> Vec<_> {
        let lines = files.json(name);
        lines.iter().map(|line| line["id"].to_string()).collect()
    };
    assert_eq!(ids("sleeper"), [r#""c""#]);
    let mut others = ids("other");
    others.sort();
    assert_eq!(others, [r#""a""#, r#""b""#]);
    assert_eq!(done.summary()["jobs"]["ok"], 1);
    store.assert_tidy();
}

fn jobs_that_many_tasks_queue_at_once_are_all_in_the_queue<S: SharedServer>() {
    let store = S::start();
    let n = 4000;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let address = store.address("http-context");
        let queue = JobQueue::open(&address).await.unwrap();
        let mut tasks = JoinSet::new();
        for i in 0..n {
            let queue = queue.clone();
            tasks.spawn(async move { queue.enqueue(&format!("job-{i}"), &json!({})).await });
        }
        for queued in tasks.join_all().await {
            assert_eq!(queued.unwrap(), Enqueued::Queued);
        }
    });
    assert_eq!(store.unfinished(), n);
}
