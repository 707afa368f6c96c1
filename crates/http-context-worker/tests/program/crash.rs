//! `kill -9` at any moment.
//!
//! Two sorts of moments. Some are drawn at random from a fixed seed; what a run has reached by then
//! depends on the machine, which is the point. Others are aimed: the test watches a file of the run
//! and kills as soon as it changes, because the windows between two steps that belong together
//! (lines written, commit made) are too short to be hit by chance. Each test ends with a run that
//! is let through, and then counts every line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::time::Instant;

use crate::support::{Files, Server, finish, nobody, to_lines, worker};

/// A generator for the moments of the kills.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// How often to kill, unless `HTTP_CONTEXT_KILLS` says it.
pub(crate) fn kills(few: usize) -> usize {
    let asked = std::env::var("HTTP_CONTEXT_KILLS").ok();
    asked.map_or(few, |asked| asked.parse().unwrap())
}

/// When a run is killed, counted from its start.
enum Moment {
    After(Duration),
    /// At this change of the file, or after a while when it does not change so often.
    Change(PathBuf, u64, Duration),
}

impl Moment {
    fn draw(random: &mut Random, round: usize, files: &Files, longest_ms: u64) -> Self {
        let wait = Duration::from_micros(random.below(longest_ms * 1000));
        let (file, changes) = match round % 4 {
            0 => ("results", 1 + random.below(8)),
            1 => ("state/queue.sqlite-wal", 1 + random.below(40)),
            2 => ("rejects", 1 + random.below(3)),
            _ => return Self::After(wait),
        };
        Self::Change(files.path(file), changes, wait * 2)
    }

    /// Returns at the moment, or when the run has ended before it.
    fn wait(&self, run: &mut Child) {
        let began = Instant::now();
        let mut last = match self {
            Self::Change(path, ..) => version(path),
            Self::After(_) => None,
        };
        let mut changes = 0;
        while run.try_wait().unwrap().is_none() {
            match self {
                Self::After(wait) if began.elapsed() >= *wait => return,
                Self::After(_) => {}
                Self::Change(path, which, at_most) => {
                    let now = version(path);
                    changes += u64::from(now != last);
                    last = now;
                    if changes >= *which || began.elapsed() >= *at_most {
                        return;
                    }
                }
            }
            std::hint::spin_loop();
        }
    }
}

fn version(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
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

/// Adds to a run where its queue is: in the state of the run, or at the address of a server.
pub(crate) type QueueOf<'a> = &'a dyn Fn(&Files, &mut Command);

pub(crate) fn in_a_state(files: &Files, run: &mut Command) {
    run.arg("--state").arg(files.path("state"));
}

/// Whether a run has said nothing, or but what whoever shares a queue says after a kill.
fn is_quiet(stderr: &str) -> bool {
    let mut lines = stderr.lines();
    lines.all(|line| line.contains("of a worker that is gone were given back to the queue"))
}

fn kill_and_finish(
    files: &Files,
    program: fn() -> Command,
    queue: QueueOf<'_>,
    extra: &[&str],
    rounds: usize,
    longest_ms: u64,
    seed: u64,
) -> Aftermath {
    let mut random = Random(seed);
    let command = || {
        let mut command = files.command_of(program(), &[("--rejects", "rejects")]);
        queue(files, &mut command);
        command.arg("--json").args(extra);
        command
    };
    let mut killed = 0;
    for round in 0..rounds {
        let mut run = command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Moment::draw(&mut random, round, files, longest_ms).wait(&mut run);
        if run.try_wait().unwrap().is_some() {
            let output = run.wait_with_output().unwrap();
            assert!(
                [Some(0), Some(1), Some(2)].contains(&output.status.code())
                    && is_quiet(&String::from_utf8_lossy(&output.stderr)),
                "round {round}: {output:?}"
            );
            continue;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        killed += 1;
    }
    let done = finish(&mut command());
    assert!(is_quiet(&done.stderr), "{}", done.stderr);
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
fn killed_at_many_moments_no_job_is_lost_and_no_line_stands_twice_or_torn() {
    let job = |id: &str, server: &Server| json!({"id": id, "url": server.url("/item/1")});
    killed_at_many_moments(worker, &in_a_state, job, 0x5eed_0001);
}

/// The same of a run whose queue a server keeps.
#[cfg(all(feature = "external-tools", feature = "postgres", feature = "redis"))]
pub(crate) fn runs_killed_at_many_moments<S: crate::queues::SharedServer>() {
    let job = |id: &str, server: &Server| json!({"id": id, "url": server.url("/item/1")});
    let store = S::start();
    let queue = |_: &Files, run: &mut Command| {
        run.args(["--queue", &store.url(), "--takeover", "2"]);
    };
    killed_at_many_moments(worker, &queue, job, 0x5eed_0009);
    store.assert_tidy();
}

/// Kills runs of a program, each job of which makes one request.
#[expect(
    clippy::print_stdout,
    reason = "how often it was killed is worth knowing"
)]
pub(crate) fn killed_at_many_moments(
    program: fn() -> Command,
    queue: QueueOf<'_>,
    job: impl Fn(&str, &Server) -> serde_json::Value,
    seed: u64,
) {
    let (files, server) = (Files::new(), Server::start());
    let rounds = kills(20);
    let (n, every) = (rounds * 100, 50);
    let mut content = String::new();
    for i in 0..n {
        if i % every == 0 {
            content.push_str("not a job\n");
        }
        content += &to_lines([job(&format!("job-{i}"), &server)]);
    }
    files.write("jobs", content);
    let more = ["--concurrency", "16"];
    let left = kill_and_finish(&files, program, queue, &more, rounds, 300, seed);
    println!("killed {} times in {rounds} rounds", left.killed);
    assert!(left.killed >= rounds / 4);
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
        sent >= n as u64 && sent <= (n + left.killed * 16) as u64,
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
    let left = kill_and_finish(
        &files,
        worker,
        &in_a_state,
        &["--concurrency", "4"],
        32,
        120,
        0x5eed_0002,
    );
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
        worker,
        &in_a_state,
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
