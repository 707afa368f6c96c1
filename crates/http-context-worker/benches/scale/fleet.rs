//! Workers, many in a process: each has its own connections, its own place among the workers, its own results.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http_context_worker::{JobError, JobResult, Plan, Worker};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::children::Own;
use crate::role::{asked_to_end, runtime};
use crate::servers::address;

/// How many processes a fleet has at most.
const PROCESSES: usize = 4;

/// Between the starts of two workers of a process: what a server bears of connections that are made at once is not what
/// is measured.
const APART: Duration = Duration::from_millis(200);

/// How many jobs are under way at once in a worker.
pub(crate) const CONCURRENCY: usize = 16;

/// A job that does nothing.
#[derive(Serialize, Deserialize)]
pub(crate) struct Empty {}

async fn nothing(_: Empty) -> Result<(), JobError> {
    Ok(())
}

/// Starts so many workers of a queue. They end when it is dropped.
pub(crate) fn start(queue: &str, workers: usize) -> Vec<Own> {
    let processes = workers.min(PROCESSES);
    let own = |process| {
        let share = workers / processes + usize::from(process < workers % processes);
        Own::start(&["fleet", queue, &share.to_string()], &[])
    };
    (0..processes).map(own).collect()
}

pub(crate) fn main(queue: &str, workers: usize) {
    runtime().block_on(async {
        let asked = asked_to_end().shared();
        let runs = (0..workers).map(|number| {
            let (queue, asked) = (address(queue), asked.clone());
            let begins = APART * u32::try_from(number).unwrap();
            // Nothing is kept of results: what is measured is the queue.
            let plan = Plan::serve(queue)
                .results_to("nowhere", async |_: Vec<JobResult>| {
                    Ok::<_, std::io::Error>(())
                })
                .concurrency(CONCURRENCY);
            tokio::spawn(async move {
                sleep(begins).await;
                Worker::new("scale", nothing).run(plan, asked).await
            })
        });
        for ended in join_all(runs).await {
            if let Err(failure) = ended.unwrap() {
                eprintln!("{failure}");
            }
        }
    });
}
