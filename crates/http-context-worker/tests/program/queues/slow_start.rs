//! Workers that begin while their server is slow.

use super::road::Road;
use super::{SharedServer, enqueue, over_each_server, serve_at};
use crate::postgres::PostgresServer;
use crate::redis::RedisServer;
use crate::support::{Files, Gate, job_lines, until};

/// Once it has connected nothing comes through from this text on, until so many connections were made: more than
/// one question has.
fn a_server_that_is_slow_once_it_was_found_is_waited_for<S: SharedServer>(text: &str, made: usize) {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start());
    let jobs = job_lines([("one".to_owned(), gate.url("/"))]);
    enqueue(&store, &files.write("jobs", jobs), &[]);
    let road = Road::to(&store);
    road.hold_up_from(text);
    let results = files.path("results");
    let worker = serve_at(&S::url_with(S::OPEN, road.port), &results, &[]);
    until("it has asked again", || road.made() == made);
    road.release();
    gate.next().answer();
    store.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 1);
}

/// The first is held up, and another one is made.
#[test]
fn a_redis_that_is_slow_once_it_was_found_is_waited_for() {
    a_server_that_is_slow_once_it_was_found_is_waited_for::<RedisServer>(":format", 2);
}

/// With the first it is found; the pool's is held up, and so is the one that asks why; then there is a new pool.
#[test]
fn a_postgres_that_is_slow_once_it_was_found_is_waited_for() {
    let text = "pg_postmaster_start_time";
    a_server_that_is_slow_once_it_was_found_is_waited_for::<PostgresServer>(text, 4);
}

over_each_server! {
    a_worker_that_waits_for_a_slow_server_to_begin_ends_when_it_is_asked_to
}

/// What it asks for is how many jobs there are. Nothing ever comes through from there on.
fn a_worker_that_waits_for_a_slow_server_to_begin_ends_when_it_is_asked_to<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    let road = Road::to(&store);
    road.hold_up_from(S::COUNTS);
    let worker = serve_at(
        &S::url_with(S::OPEN, road.port),
        &files.path("results"),
        &[],
    );
    until("it asks how many there are", || road.holds(S::COUNTS));
    worker.signal("TERM");
    let done = worker.wait();
    assert_eq!(done.code(), 2, "{}", done.stderr);
    assert!(
        done.refusal().contains("does not answer"),
        "{}",
        done.stderr
    );
}
