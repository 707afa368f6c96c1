//! What a worker that has nothing to do asks of the server that keeps its queue.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{SharedServer, enqueue, over_each_server, serve};
use crate::support::{Files, Gate, job_lines};

over_each_server! {
    a_worker_without_jobs_asks_as_often_as_it_says
}

/// In a second four looks of the keeper, one of the engine, one at the counts of PostgreSQL, and one to spare.
const A_SECOND: f64 = 7.0;

const WATCHED: Duration = Duration::from_secs(6);

fn a_worker_without_jobs_asks_as_often_as_it_says<S: SharedServer>() {
    let (files, gate, store) = (Files::new(), Gate::start(), S::start_counting());
    let worker = serve(&store, &files.path("results"), &[]);
    // One job shows that it is there.
    let jobs = job_lines([("job".to_owned(), gate.url("/"))]);
    enqueue(&store, &files.write("jobs", jobs), &[]);
    gate.next().answer();
    store.until_empty();
    let (began, before) = (Instant::now(), store.asked());
    sleep(WATCHED);
    let asked = store.asked() - before;
    let a_second = asked as f64 / began.elapsed().as_secs_f64();
    assert!(a_second > 4.0, "it was not seen: {a_second:.1}");
    assert!(a_second < A_SECOND, "{a_second:.1} times a second");
    drop(worker);
}
