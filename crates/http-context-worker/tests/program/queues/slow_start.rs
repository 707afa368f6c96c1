//! Workers that begin while their server is slow.

use super::road::Road;
use super::{SharedServer, enqueue, serve_at};
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
