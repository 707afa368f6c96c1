//! The worker, with a job of a user's.

use http_context::http_session;
use http_context_worker::{JobError, JobQueue, Plan, Target, Worker};
use serde::{Deserialize, Serialize};

use super::CONCURRENCY;
use super::counter::{count, report_until_asked};
use super::queue::fill;
use super::role::runtime;
use super::servers::address;

#[derive(Serialize, Deserialize)]
struct Job {
    url: String,
}

async fn work(job: Job) -> Result<u16, JobError> {
    let status = match job.url.as_str() {
        "" => 0,
        url => {
            let session = http_session().map_err(JobError::failed)?;
            let response = session.get(url).send().await.map_err(JobError::failed)?;
            let status = response.status().as_u16();
            response.bytes().await.map_err(JobError::failed)?;
            status
        }
    };
    count();
    Ok(status)
}

/// Works off a queue, which it fills first if there are jobs to fill it with, until standard input ends.
pub(crate) fn main(name: &str, jobs: u64, url: &str) {
    runtime().block_on(async {
        let queue = JobQueue::open(&address(name)).await.unwrap();
        fill(&queue, jobs, url).await;
        let results = tempfile::tempdir().unwrap();
        let plan = Plan::on(&queue)
            .results(Target::File(results.path().join("results")))
            .concurrency(CONCURRENCY);
        Worker::new("bench", work)
            .run(plan, report_until_asked())
            .await
            .unwrap();
    });
}
