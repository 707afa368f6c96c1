//! A server that goes away while workers hold jobs.

use std::time::Duration;

use tokio::time::Instant;

use super::{SharedServer, enqueue, over_each_server, serve};
use crate::admin::{admin_address, get};
use crate::support::{Files, Gate, job_lines, until};

over_each_server! {
    jobs_in_hand_end_and_everything_goes_on_when_it_is_back
    a_server_that_hangs_is_waited_for_and_reported
    what_has_ended_and_waits_for_the_server_is_not_counted_as_running
    asked_to_end_without_the_server_it_ends_in_words_and_in_time_and_no_job_is_lost
    a_job_that_cannot_be_read_ends_the_worker_in_words
    a_queue_that_was_emptied_is_reported_and_lines_that_stand_are_kept
}

fn jobs_at(gate: &Gate, n: usize) -> String {
    job_lines((0..n).map(|i| (format!("job-{i}"), gate.url("/"))))
}

fn jobs_in_hand_end_and_everything_goes_on_when_it_is_back<S: SharedServer>() {
    let (files, gate, mut store) = (Files::new(), Gate::start(), S::start());
    enqueue(&store, &files.write("jobs", jobs_at(&gate, 6)), &[]);
    let worker = serve(&store, &files.path("results"), &["--concurrency", "2"]);
    let in_hand = [gate.next(), gate.next()];
    store.stop();
    for arrival in in_hand {
        arrival.answer();
    }
    store.start_again();
    for _ in 0..4 {
        gate.next().answer();
    }
    store.until_empty();
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.json("results").len(), 6);
    assert_eq!(done.summary()["jobs"]["ok"], 6);
    store.assert_tidy();
}

fn a_server_that_hangs_is_waited_for_and_reported<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    enqueue(&store, &files.write("jobs", jobs_at(&gate, 2)), &[]);
    let mut worker = serve(&store, &files.path("results"), &["--concurrency", "1"]);
    let in_hand = gate.next();
    store.signal("STOP");
    worker.read_stderr_until("does not answer");
    in_hand.answer();
    store.signal("CONT");
    worker.read_stderr_until("answers again");
    gate.next().answer();
    store.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 2);
}

/// Otherwise no worker would seem to be stuck while its queue is away.
fn what_has_ended_and_waits_for_the_server_is_not_counted_as_running<S: SharedServer>() {
    let (files, gate, mut store) = (Files::new(), Gate::start(), S::start());
    enqueue(&store, &files.write("jobs", jobs_at(&gate, 3)), &[]);
    let more = ["--concurrency", "2", "--admin=127.0.0.1:0"];
    let mut worker = serve(&store, &files.path("results"), &more);
    let address = admin_address(&mut worker);
    let counted = |state: &str, jobs: u64| {
        let line = format!("http_context_worker_queue_jobs{{state=\"{state}\"}} {jobs}\n");
        get(address, "/metrics").body.contains(&line)
    };
    let in_hand = [gate.next(), gate.next()];
    until("two run and one waits", || {
        counted("running", 2) && counted("settling", 0) && counted("waiting", 1)
    });
    store.stop();
    for arrival in in_hand {
        arrival.answer();
    }
    until("none runs and one waits", || {
        counted("running", 0) && counted("settling", 2) && counted("waiting", 1)
    });
    store.start_again();
    gate.next().answer();
    until("nothing is left", || {
        counted("running", 0) && counted("settling", 0) && counted("waiting", 0)
    });
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
}

fn asked_to_end_without_the_server_it_ends_in_words_and_in_time_and_no_job_is_lost<
    S: SharedServer,
>() {
    let (files, gate, mut store) = (Files::new(), Gate::start(), S::start());
    enqueue(&store, &files.write("jobs", jobs_at(&gate, 3)), &[]);
    let more = ["--concurrency", "2", "--takeover", "2"];
    let worker = serve(&store, &files.path("results"), &more);
    let in_hand = [gate.next(), gate.next()];
    store.stop();
    for arrival in in_hand {
        arrival.answer();
    }
    let asked = Instant::now();
    worker.signal("TERM");
    let done = worker.wait();
    assert!(
        asked.elapsed() < Duration::from_secs(8),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(done.code(), 2, "{}", done.stderr);
    let sentence = done.stderr.lines().last().unwrap();
    assert!(
        sentence.starts_with("error: ") && sentence.contains("does not answer"),
        "{sentence}"
    );

    store.start_again();
    let worker = serve(&store, &files.path("results"), &more);
    for _ in 0..3 {
        gate.next().answer();
    }
    store.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 3);
    store.assert_tidy();
}

fn a_job_that_cannot_be_read_ends_the_worker_in_words<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    enqueue(&store, &files.write("jobs", jobs_at(&gate, 1)), &[]);
    store.spoil_the_job();
    let done = serve(&store, &files.path("results"), &[]).wait();
    assert_eq!(done.code(), 2, "{}", done.stderr);
    let sentence = done.stderr.lines().last().unwrap();
    assert!(
        sentence.starts_with("error: the job engine stopped: "),
        "{sentence}"
    );
    assert_eq!(store.unfinished(), 1);
}

fn a_queue_that_was_emptied_is_reported_and_lines_that_stand_are_kept<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    enqueue(&store, &files.write("jobs", jobs_at(&gate, 2)), &[]);
    let worker = serve(&store, &files.path("results"), &["--concurrency", "1"]);
    gate.next().answer();
    let second = gate.next();
    store.empty();
    second.answer();
    let done = worker.wait();
    assert_eq!(done.code(), 2, "{}", done.stderr);
    assert!(
        done.stderr.contains("has forgotten what was settled"),
        "{}",
        done.stderr
    );
    // Nothing is known of the file any more: it is gone on with behind what stands there.
    let standing = files.json("results").len();
    let worker = serve(&store, &files.path("results"), &[]);
    let jobs = job_lines([("new".to_owned(), gate.url("/"))]);
    enqueue(&store, &files.write("jobs", jobs), &[]);
    gate.next().answer();
    store.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), standing + 1);
}
