//! A worker that exports its spans.

use std::time::Duration;

use http_context::http_session;
use http_context_worker::{JobError, JobQueue, JobResult, Plan, QueueAddress, Telemetry, Worker};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::role::runtime;

const FLUSHED_WITHIN: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
struct Job {
    url: String,
}

async fn ask(job: Job) -> Result<(), JobError> {
    let session = http_session().map_err(JobError::failed)?;
    let response = session
        .get(&job.url)
        .send()
        .await
        .map_err(JobError::failed)?;
    response.bytes().await.map_err(JobError::failed)?;
    Ok(())
}

/// Queues jobs at this rate, does them, and says in how many microseconds, and what became of its spans.
pub(crate) fn main(jobs: u64, rate: u64) {
    runtime().block_on(async {
        let telemetry = Telemetry::install("scale").unwrap();
        let server = http_context_tests::Server::start();
        let url = server.url("/ok");
        let queue = JobQueue::open(&QueueAddress::Embedded(None)).await.unwrap();
        let (done, mut is_done) = tokio::sync::mpsc::channel(64);
        let plan = Plan::on(&queue).pool(64).concurrency(64).results_to(
            "counted",
            move |results: Vec<JobResult>| {
                let done = done.clone();
                async move { done.send(results.len()).await }
            },
        );
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let ran = tokio::spawn(async move {
            let ended = async { ended.await.unwrap_or(()) };
            Worker::new("scale", ask).run(plan, ended).await
        });
        let began = Instant::now();
        let mut tick = interval(Duration::from_millis(10));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (at_once, job) = (usize::try_from(rate / 100).unwrap(), Job { url });
        let ids: Vec<String> = (0..jobs).map(|number| format!("job-{number}")).collect();
        let queued = async {
            for some in ids.chunks(at_once) {
                tick.tick().await;
                let some = some.iter().map(|id| (id.as_str(), &job));
                assert!(queue.enqueue_all(some).await.unwrap().is_empty());
            }
        };
        let counted = async {
            let mut left = jobs;
            while left > 0 {
                left -= is_done.recv().await.unwrap() as u64;
            }
        };
        tokio::join!(queued, counted);
        let taken = began.elapsed();
        let _ = end.send(());
        ran.await.unwrap().unwrap();
        let lost = telemetry.flush(FLUSHED_WITHIN).await;
        println!("{}", taken.as_micros());
        println!("{}", lost.unwrap_or_else(|| "none".to_owned()));
    });
}
