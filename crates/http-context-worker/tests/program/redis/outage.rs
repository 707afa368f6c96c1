//! A Redis that goes away while workers hold jobs.

use std::time::Duration;

use tokio::time::Instant;

use super::{RedisServer, enqueue, serve};
use crate::support::{Files, Gate, job_lines};

fn jobs_at(gate: &Gate, n: usize) -> String {
    job_lines((0..n).map(|i| (format!("job-{i}"), gate.url("/"))))
}

#[test]
fn jobs_in_hand_end_and_everything_goes_on_when_redis_is_back() {
    let (files, gate, mut redis) = (Files::new(), Gate::start(), RedisServer::start());
    enqueue(&redis, &files.write("jobs", jobs_at(&gate, 6)), &[]);
    let worker = serve(&redis, &files.path("results"), &["--concurrency", "2"]);
    let in_hand = [gate.next(), gate.next()];
    redis.stop();
    for arrival in in_hand {
        arrival.answer();
    }
    redis.start_again();
    for _ in 0..4 {
        gate.next().answer();
    }
    redis.until_empty();
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(files.json("results").len(), 6);
    assert_eq!(done.summary()["jobs"]["ok"], 6);
    redis.assert_tidy();
}

#[test]
fn a_redis_that_hangs_is_waited_for_and_reported() {
    let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
    enqueue(&redis, &files.write("jobs", jobs_at(&gate, 2)), &[]);
    let mut worker = serve(&redis, &files.path("results"), &["--concurrency", "1"]);
    let in_hand = gate.next();
    assert!(redis.signal("STOP"));
    worker.read_stderr_until("does not answer");
    in_hand.answer();
    assert!(redis.signal("CONT"));
    worker.read_stderr_until("answers again");
    gate.next().answer();
    redis.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 2);
}

#[test]
fn asked_to_end_without_redis_it_ends_in_words_and_in_time_and_no_job_is_lost() {
    let (files, gate, mut redis) = (Files::new(), Gate::start(), RedisServer::start());
    enqueue(&redis, &files.write("jobs", jobs_at(&gate, 3)), &[]);
    let more = ["--concurrency", "2", "--takeover", "2"];
    let worker = serve(&redis, &files.path("results"), &more);
    let in_hand = [gate.next(), gate.next()];
    redis.stop();
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

    redis.start_again();
    let worker = serve(&redis, &files.path("results"), &more);
    for _ in 0..3 {
        gate.next().answer();
    }
    redis.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 3);
    redis.assert_tidy();
}

#[test]
fn a_job_that_cannot_be_read_ends_the_worker_in_words() {
    let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
    enqueue(&redis, &files.write("jobs", jobs_at(&gate, 1)), &[]);
    let mut connection = redis.connect();
    let data: Vec<String> = redis::Commands::hkeys(&mut connection, "http-context:data").unwrap();
    let () = redis::Commands::hset(&mut connection, "http-context:data", &data[0], "{").unwrap();
    let done = serve(&redis, &files.path("results"), &[]).wait();
    assert_eq!(done.code(), 2, "{}", done.stderr);
    let sentence = done.stderr.lines().last().unwrap();
    assert!(
        sentence.starts_with("error: the job engine stopped: "),
        "{sentence}"
    );
    assert_eq!(redis.unfinished(), 1);
}

#[test]
fn a_redis_that_was_emptied_is_reported_and_lines_that_stand_are_kept() {
    let (files, gate, redis) = (Files::new(), Gate::start(), RedisServer::start());
    enqueue(&redis, &files.write("jobs", jobs_at(&gate, 2)), &[]);
    let worker = serve(&redis, &files.path("results"), &["--concurrency", "1"]);
    gate.next().answer();
    let second = gate.next();
    let () = redis::cmd("FLUSHALL").query(&mut redis.connect()).unwrap();
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
    let worker = serve(&redis, &files.path("results"), &[]);
    let jobs = job_lines([("new".to_owned(), gate.url("/"))]);
    enqueue(&redis, &files.write("jobs", jobs), &[]);
    gate.next().answer();
    redis.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), standing + 1);
}
