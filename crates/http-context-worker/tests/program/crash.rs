//! `kill -9` at any moment.
//!
//! The moments are drawn at random from a fixed seed; what a run has reached by then depends on the machine, which
//! is the point. Each test ends with a run that is let through, and then counts every line.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::support::{Files, Server, finish, nobody, run_command, to_lines};

/// A generator for the moments of the kills.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What is left after `rounds` kills and a run to the end.
struct Aftermath {
    /// How often each id stands in the results.
    results: HashMap<String, usize>,
    /// The line numbers in the rejects, in the order of the file.
    rejects: Vec<u64>,
    summary: serde_json::Value,
    /// Rounds that were killed before they ended by themselves.
    killed: usize,
}

fn kill_and_finish(
    files: &Files,
    extra: &[&str],
    rounds: usize,
    longest_ms: u64,
    seed: u64,
) -> Aftermath {
    let mut random = Random(seed);
    let (jobs, results) = (files.path("jobs"), files.path("results"));
    let (rejects, state) = (files.path("rejects"), files.path("state"));
    let command = || {
        let mut command = run_command(&[
            &"--jobs",
            &jobs,
            &"--results",
            &results,
            &"--rejects",
            &rejects,
            &"--state",
            &state,
            &"--json",
            &"--no-socket-check",
        ]);
        command.args(extra);
        command
    };
    let mut killed = 0;
    for round in 0..rounds {
        let mut run = command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the moment of the kill, not a wait"
        )]
        std::thread::sleep(Duration::from_micros(random.below(longest_ms * 1000)));
        if run.try_wait().unwrap().is_some() {
            let output = run.wait_with_output().unwrap();
            assert!(
                [Some(0), Some(1), Some(2)].contains(&output.status.code())
                    && output.stderr.is_empty(),
                "round {round}: {output:?}"
            );
            continue;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        killed += 1;
    }
    let done = finish(&mut command());
    assert_eq!(done.stderr, "");
    let mut count = HashMap::new();
    for line in files.json("results") {
        *count
            .entry(line["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    Aftermath {
        results: count,
        rejects: files
            .json("rejects")
            .iter()
            .map(|line| line["line"].as_u64().unwrap())
            .collect(),
        summary: done.summary(),
        killed,
    }
}

#[test]
fn killed_at_twenty_moments_no_job_is_lost_and_no_line_stands_twice_or_torn() {
    let (files, server) = (Files::new(), Server::start());
    let (n, every) = (4000, 50);
    let mut content = String::new();
    for i in 0..n {
        if i % every == 0 {
            content.push_str(
                "not a job
",
            );
        }
        content += &to_lines([json!({"id": format!("job-{i}"), "url": server.url("/echo")})]);
    }
    files.write("jobs", content);
    let left = kill_and_finish(&files, &[], 20, 350, 0x5eed_0001);
    assert!(left.killed >= 10, "only {} rounds were killed", left.killed);
    assert_eq!(left.results.len(), n);
    assert!(left.results.values().all(|times| *times == 1));
    let expected: Vec<u64> = (0..(n / every) as u64)
        .map(|k| k * (every as u64 + 1) + 1)
        .collect();
    assert_eq!(left.rejects, expected);
    assert_eq!(
        left.summary["jobs"],
        json!({"ok": n, "failed": 0, "retried": 0, "rejected": n / every})
    );
    server.all_closed();
    // Jobs that were under way at a kill ran again, and only those.
    let sent = server.seen().requests();
    assert!(
        sent >= n as u64 && sent <= (n + left.killed * 50) as u64,
        "{sent}"
    );
}

#[test]
fn killed_while_it_queues_jobs_it_goes_on_where_it_was() {
    let files = Files::new();
    let gone = nobody();
    let n = 6000;
    // Every third line repeats the id of the one before.
    let content = to_lines((0..n).map(|i| {
        let id = if i % 3 == 2 { i - 1 } else { i };
        json!({"id": format!("job-{id}"), "url": gone})
    }));
    files.write("jobs", content);
    let left = kill_and_finish(&files, &["--concurrency", "4"], 20, 120, 0x5eed_0002);
    assert!(left.killed >= 10, "only {} rounds were killed", left.killed);
    assert_eq!(left.results.len(), n / 3 * 2);
    assert!(left.results.values().all(|times| *times == 1));
    let expected: Vec<u64> = (1..=(n / 3) as u64).map(|k| k * 3).collect();
    assert_eq!(left.rejects, expected);
    assert_eq!(
        left.summary["jobs"],
        json!({"ok": 0, "failed": n / 3 * 2, "retried": 0, "rejected": n / 3})
    );
}

#[test]
fn killed_between_attempts_a_job_keeps_count_of_them() {
    let files = Files::new();
    let gone = nobody();
    let n = 300;
    let content = to_lines((0..n).map(|i| json!({"id": format!("job-{i}"), "url": gone})));
    files.write("jobs", content);
    let left = kill_and_finish(
        &files,
        &["--max-attempts", "5", "--retry-delay", "0"],
        12,
        150,
        0x5eed_0003,
    );
    assert_eq!(left.results.len(), n);
    assert!(left.results.values().all(|times| *times == 1));
    for line in files.json("results") {
        assert_eq!(line["attempts"], 5);
    }
    assert_eq!(
        left.summary["jobs"],
        json!({"ok": 0, "failed": n, "retried": n, "rejected": 0})
    );
}
