//! `kill -9` of processes that share a queue.
//!
//! A worker that is killed is started again with its file, as a service manager would do it. The
//! moments come from a fixed seed, and some are aimed: right after the results file has changed the
//! lines in it are written and not settled yet.

use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::time::Instant;

use super::{SharedServer, counted, enqueue, enqueue_by, over_each_server, serve_command_of};
use crate::crash::{Random, kills, runs_killed_at_many_moments};
use crate::support::{Files, Running, Server, to_lines, until, worker};

over_each_server! {
    runs_killed_at_many_moments_lose_no_job_and_no_line_stands_twice_or_torn
    workers_killed_at_many_moments_lose_no_job_and_no_result_stands_twice_or_torn
    a_reader_of_jobs_that_is_killed_queues_each_once_and_rejects_each_line_once
}

/// The one that this test looks into, whatever a program calls its own.
const QUEUE: [&str; 2] = ["--queue-name", "http-context"];

fn runs_killed_at_many_moments_lose_no_job_and_no_line_stands_twice_or_torn<S: SharedServer>() {
    runs_killed_at_many_moments::<S>();
}

fn workers_killed_at_many_moments_lose_no_job_and_no_result_stands_twice_or_torn<
    S: SharedServer,
>() {
    let job = |id: &str, server: &Server| json!({"id": id, "url": server.url("/item/1")});
    workers_killed_at_many_moments::<S>(worker, job, 0x5eed_0004);
}

/// Kills workers of a program, each job of which makes one request.
pub(crate) fn workers_killed_at_many_moments<S: SharedServer>(
    program: fn() -> Command,
    job: impl Fn(&str, &Server) -> serde_json::Value,
    seed: u64,
) {
    let (files, server, store) = (Files::new(), Server::start(), S::start());
    let rounds = kills(8);
    let (n, mut random) = (rounds * 400, Random(seed));
    let jobs = to_lines((0..n).map(|i| job(&format!("job-{i}"), &server)));
    let queued = enqueue_by(program(), &store.url(), &files.write("jobs", jobs), &QUEUE);
    assert_eq!(queued.code(), 0, "{}", queued.stderr);
    let names: Vec<String> = (0..3).map(|i| format!("results-{i}")).collect();
    let start = |name: &String| {
        let more = [
            "--takeover",
            "2",
            "--concurrency",
            "16",
            "--max-attempts",
            "3",
            QUEUE[0],
            QUEUE[1],
        ];
        Running::start(&mut serve_command_of(
            program(),
            &store.url(),
            &files.path(name),
            &more,
        ))
    };
    let mut workers: Vec<_> = names.iter().map(start).collect();
    for round in 0..rounds {
        let at = usize::try_from(random.below(3)).unwrap();
        let wait = Duration::from_micros(random.below(250_000));
        let changes = if round % 2 == 0 {
            1 + random.below(5)
        } else {
            u64::MAX
        };
        wait_for_change(&files, &names[at], changes, wait);
        workers[at].0.kill().unwrap();
        workers[at].0.wait().unwrap();
        workers[at] = start(&names[at]);
    }
    store.until_empty();
    let mut ok = 0;
    for worker in workers {
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        ok += done.summary()["jobs"]["ok"].as_u64().unwrap();
    }
    let results = counted(&files, &names);
    assert_eq!(results.len(), n);
    assert!(results.values().all(|times| *times == 1));
    // The sums go with the files, kills and all.
    assert_eq!(ok, n as u64);
    assert!(server.seen().requests() >= n as u64);
    store.assert_tidy();
}

/// Returns when the file has changed so often, and after the wait at the latest.
fn wait_for_change(files: &Files, name: &str, times: u64, wait: Duration) {
    let version = || -> Option<(u64, SystemTime)> {
        let metadata = std::fs::metadata(files.path(name)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    let (began, mut last, mut changes) = (Instant::now(), version(), 0);
    while changes < times && began.elapsed() < wait {
        let now = version();
        changes += u64::from(now != last);
        last = now;
        std::hint::spin_loop();
    }
}

fn a_reader_of_jobs_that_is_killed_queues_each_once_and_rejects_each_line_once<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let n: u64 = 20_000;
    // Every fourth line repeats the id of the one before.
    let jobs = to_lines((0..n).map(|i| {
        let id = if i % 4 == 3 { i - 1 } else { i };
        json!({"id": format!("job-{id}"), "url": "http://127.0.0.1:9/"})
    }));
    let jobs = files.write("jobs", jobs);
    let mut command = worker();
    command.args(["enqueue", "--queue", &store.url(), "--jobs"]);
    command
        .arg(&jobs)
        .arg("--rejects")
        .arg(files.path("rejects"));
    let mut random = Random(0x5eed_0005);
    for _ in 0..8 {
        let mut run = command.spawn().unwrap();
        let wait = Duration::from_micros(random.below(60_000));
        wait_for_change(&files, "rejects", 1 + random.below(6), wait);
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let last = enqueue(
        &store,
        &jobs,
        &["--rejects", &files.path("rejects").to_string_lossy()],
    );
    assert!([0, 2].contains(&last.code()), "{}", last.stderr);
    until("each is queued", || store.unfinished() as u64 == n / 4 * 3);
    let lines: Vec<u64> = files
        .json("rejects")
        .iter()
        .map(|line| line["line"].as_u64().unwrap())
        .collect();
    let expected: Vec<u64> = (1..=n / 4).map(|k| k * 4).collect();
    assert_eq!(lines, expected);
}
