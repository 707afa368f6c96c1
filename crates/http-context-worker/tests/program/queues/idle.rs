//! What a worker that has nothing to do asks of the server that keeps its queue.

use std::time::Duration;

use tokio::time::Instant;

use super::{SharedServer, enqueue, over_each_server, serve};
use crate::support::{Files, Gate, job_lines, until};

over_each_server! {
    a_worker_without_jobs_asks_as_often_as_it_says
}

/// In a second four looks of the keeper, one of the engine, one at the counts of PostgreSQL, and two to spare.
const MOST_IN_A_SECOND: u32 = 8;

const WATCHED: u32 = 5;

fn a_worker_without_jobs_asks_as_often_as_it_says<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start_counting());
    let worker = serve(&store, &files.path("results"), &[]);
    // One job shows that it is there.
    let jobs = job_lines([("job".to_owned(), gate.url("/"))]);
    enqueue(&store, &files.write("jobs", jobs), &[]);
    gate.next().answer();
    store.until_empty();
    let (began, before) = (Instant::now(), store.asked());
    until("it has asked so often", || {
        store.asked() > before + (MOST_IN_A_SECOND * WATCHED) as usize
    });
    let took = began.elapsed();
    assert!(took > Duration::from_secs(WATCHED.into()), "{took:?}");
    drop(worker);
}
