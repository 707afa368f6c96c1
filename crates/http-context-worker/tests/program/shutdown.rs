//! SIGTERM and SIGINT.

use std::time::Duration;

use tokio::time::Instant;

use crate::admin::{admin_address, get};
use crate::support::{Files, Gate, Running, finish, job_lines, run_command, until};

fn jobs_at(gate: &Gate, n: usize) -> String {
    job_lines((0..n).map(|i| (format!("job-{i}"), gate.url(&format!("/{i}")))))
}

#[test]
fn a_signal_lets_jobs_under_way_finish_and_leaves_the_rest_for_the_next_run() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (files, gate) = (Files::new(), Gate::start());
        let jobs = files.write("jobs", jobs_at(&gate, 6));
        let (results, state) = (files.path("results"), files.path("state"));
        let args: [&dyn AsRef<std::ffi::OsStr>; 11] = [
            &"--jobs",
            &jobs,
            &"--results",
            &results,
            &"--state",
            &state,
            &"--concurrency",
            &"2",
            &"--json",
            &"--admin",
            &"127.0.0.1:0",
        ];
        let mut run = Running::start(&mut run_command(&args));
        let address = admin_address(&mut run);
        let under_way = [gate.next(), gate.next()];
        // The jobs begin before the end of their file is recorded.
        until("all jobs were read", || {
            get(address, "/debug/contexts")
                .body
                .contains("\"read_all\":true")
        });
        run.signal_heard(signal);
        for arrival in under_way {
            arrival.answer();
        }
        let done = run.wait();
        assert_eq!(done.code(), code, "{}", done.stderr);
        assert_eq!(done.summary()["jobs"]["ok"], 2);
        assert!(
            done.stderr
                .contains(&format!("ended by SIG{signal}: 4 jobs left to do")),
            "{}",
            done.stderr
        );
        assert!(gate.arrived().is_none(), "a job began after the signal");

        let rest = Running::start(&mut run_command(&args));
        for _ in 0..4 {
            gate.next().answer();
        }
        let done = rest.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(
            done.summary()["jobs"]["ok"],
            6,
            "the summary is that of all jobs"
        );
        assert_eq!(
            files.result_ids(),
            ["job-0", "job-1", "job-2", "job-3", "job-4", "job-5"]
        );
        let attempts = files
            .json("results")
            .iter()
            .map(|line| line["attempts"].clone())
            .collect::<Vec<_>>();
        assert!(attempts.iter().all(|n| n == 1), "{attempts:?}");
    }
}

#[test]
fn a_run_ends_as_soon_as_the_jobs_under_way_have() {
    for jobs in [1, 2] {
        let (files, gate) = (Files::new(), Gate::start());
        files.write("jobs", jobs_at(&gate, jobs));
        let mut run = Running::start(files.command(&[]).args(["--drain-timeout", "3600"]));
        let under_way: Vec<_> = (0..jobs).map(|_| gate.next()).collect();
        run.signal_heard("TERM");
        for arrival in under_way {
            arrival.answer();
        }
        // It waits for an hour otherwise.
        run.wait();
        assert_eq!(files.result_ids().len(), jobs);
    }
}

#[test]
fn jobs_that_outlive_the_drain_deadline_are_cut_off_in_bounded_time_and_run_again() {
    let (files, gate) = (Files::new(), Gate::start());
    let jobs = files.write("jobs", jobs_at(&gate, 3));
    let (results, state) = (files.path("results"), files.path("state"));
    let args: [&dyn AsRef<std::ffi::OsStr>; 10] = [
        &"--jobs",
        &jobs,
        &"--results",
        &results,
        &"--state",
        &state,
        &"--drain-timeout",
        &"1",
        &"--metrics-file",
        &files.path("metrics"),
    ];
    let run = Running::start(&mut run_command(&args));
    let stuck = [gate.next(), gate.next(), gate.next()];
    let asked = Instant::now();
    run.signal("TERM");
    let done = run.wait();
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
    assert!(
        asked.elapsed() > Duration::from_millis(900),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(done.code(), 143);
    assert_eq!(files.read("results"), "");
    for arrival in stuck {
        arrival.wait_closed();
    }
    let rest = Running::start(&mut run_command(&args));
    for _ in 0..3 {
        gate.next().answer();
    }
    assert_eq!(rest.wait().code(), 0);
    assert_eq!(files.result_ids(), ["job-0", "job-1", "job-2"]);
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write("jobs", jobs_at(&gate, 1));
    let run = Running::start(files.command(&[]).args(["--drain-timeout", "3600"]));
    let stuck = gate.next();
    let asked = Instant::now();
    run.signal("TERM");
    run.signal("INT");
    // The two may be seen in either order, or the first one alone; the next one is the second then.
    run.signal("TERM");
    let done = run.wait();
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!([130, 143].contains(&done.code()), "{}", done.code());
    stuck.wait_closed();
}

#[test]
fn a_signal_while_the_input_is_open_ends_the_run_and_the_state_knows_the_place() {
    let (files, gate) = (Files::new(), Gate::start());
    let (results, state) = (files.path("results"), files.path("state"));
    let args: [&dyn AsRef<std::ffi::OsStr>; 6] =
        [&"--jobs", &"-", &"--results", &results, &"--state", &state];
    let mut run = Running::start(run_command(&args).stdin(std::process::Stdio::piped()));
    let mut stdin = run.0.stdin.take().unwrap();
    let jobs = jobs_at(&gate, 2);
    let first = jobs.lines().next().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{first}\n").as_bytes()).unwrap();
    gate.next().answer();
    // The input stays open: nothing but the signal ends this run.
    run.signal("TERM");
    let done = run.wait();
    assert_eq!(done.code(), 143, "{}", done.stderr);
    assert!(
        done.stderr.contains("not all jobs were read"),
        "{}",
        done.stderr
    );

    let mut rest = Running::start(run_command(&args).stdin(std::process::Stdio::piped()));
    let mut stdin = rest.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, jobs.as_bytes()).unwrap();
    drop(stdin);
    gate.next().answer();
    // The first job may have been cut between its answer and its line; then it runs again.
    while let Ok(None) = rest.0.try_wait() {
        if let Some(arrival) = gate.arrived() {
            arrival.answer();
        }
        std::thread::yield_now();
    }
    let done = rest.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.result_ids(), ["job-0", "job-1"]);
    let again = finish(run_command(&args).stdin(std::process::Stdio::null()));
    assert_eq!(again.code(), 0, "{}", again.stderr);
}
