//! What a worker has sent that was killed, and that is still on its way.

use std::io::Write;
use std::process::Stdio;

use redis::Commands as _;

use super::road::Road;
use super::{SharedServer, enqueue, serve, serve_at};
use crate::redis::RedisServer;
use crate::support::{Files, Gate, Running, job_lines, until, worker};

/// Over PostgreSQL it is the statement alone that is tested: which of its connections knows it is up to the pool.
#[test]
fn a_settlement_of_a_worker_that_was_killed_counts_no_lines_that_the_next_one_has_cut_off() {
    let (files, gate, store) = (Files::new(), Gate::start(), RedisServer::start());
    let road = Road::to(&store);
    let jobs = ["first", "second"].map(|id| (id.to_owned(), gate.url("/")));
    enqueue(&store, &files.write("jobs", job_lines(jobs)), &[]);
    let results = files.path("results");
    let more = ["--takeover", "5", "--concurrency", "1"];
    let address = RedisServer::url_with(RedisServer::OPEN, road.port);
    let worker = serve_at(&address, &results, &more);
    // With it the server gets to know the script.
    gate.next().answer();
    let in_hand = gate.next();
    let settled = files.read("results");
    road.hold_up();
    in_hand.answer();
    let name = results.to_str().unwrap();
    until("it is being settled", || road.holds(name));
    assert_eq!(files.json("results").len(), 2);
    worker.signal("KILL");
    drop(worker.wait());
    let worker = serve(&store, &results, &more);
    until("the line is cut off", || files.read("results") == settled);
    road.release();
    // It is in nobody's hands any more, and runs again.
    gate.next().answer();
    store.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 2);
    store.assert_tidy();
}

#[test]
fn a_batch_of_a_reader_that_was_killed_counts_no_rejects_that_the_next_one_has_cut_off() {
    let (files, store) = (Files::new(), RedisServer::start());
    let road = Road::to(&store);
    let rejects = files.path("rejects");
    let name = rejects.to_str().unwrap();
    let read_at = |address: &str| {
        let mut reader = worker();
        reader.args(["enqueue", "--queue", address, "--rejects", name]);
        Running::start(reader.args(["--jobs", "-"]).stdin(Stdio::piped()))
    };
    let write = |reader: &Running, id: &str| {
        let lines = job_lines([(id.to_owned(), "http://127.0.0.1:9/".to_owned())]);
        let mut stdin = reader.0.stdin.as_ref().unwrap();
        stdin.write_all((lines + "no job\n").as_bytes()).unwrap();
    };
    let rejected = || files.json("rejects").len();
    let queued = || -> usize {
        let mut redis = store.connect();
        let data: Vec<String> = redis.keys("*:data").unwrap();
        data.iter()
            .map(|key| redis.hlen::<_, usize>(key).unwrap())
            .sum()
    };

    let reader = read_at(&RedisServer::url_with(RedisServer::OPEN, road.port));
    // With it the server gets to know the script.
    write(&reader, "first");
    until("the first is queued", || queued() == 1);
    let recorded = files.read("rejects");
    road.hold_up_from(name);
    write(&reader, "late");
    until("the next is on its way", || road.holds(name));
    assert_eq!(rejected(), 2);
    reader.signal("KILL");
    drop(reader.wait());

    let mut reader = read_at(&store.url());
    until("the line is cut off", || files.read("rejects") == recorded);
    road.release();
    until("what was on its way has arrived", || road.is_empty());
    write(&reader, "late");
    drop(reader.0.stdin.take());
    assert_eq!(reader.wait().code(), 2);
    assert_eq!((rejected(), queued()), (2, 2));
    // What is recorded of the rejects is what there is.
    assert_eq!(
        enqueue(&store, &files.write("none", ""), &["--rejects", name]).code(),
        0
    );
}
