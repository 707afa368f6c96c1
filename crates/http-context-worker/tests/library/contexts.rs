//! What a job can ask of the worker that runs it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http_context::{current, http_session};
use http_context_worker::program::upstream::Upstream;
use http_context_worker::{
    Enqueued, JobContext, JobError, JobQueue, Kind, Plan, QueueAddress, Target, Worker,
};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify, oneshot};
use tokio::time::timeout;

use crate::support::Files;

#[tokio::test]
async fn a_job_knows_its_id_its_kind_and_its_attempt_and_runs_in_a_context_of_its_own() {
    async fn tell(_: Value, job: JobContext) -> Result<Value, JobError> {
        job.progress(1, 2);
        let context = current()
            .ok_or("there is no context")
            .map_err(JobError::failed)?;
        Ok(json!([
            job.id(),
            job.kind(),
            job.attempt(),
            context.name(),
            job.deadline().is_none()
        ]))
    }
    let files = Files::new();
    let worker = Worker::new("teller", tell);
    files
        .run(&worker, &[json!({"id": "a"}), json!({"id": "b"})])
        .await;
    let results = files.json("results");
    assert_eq!(
        results[0]["output"],
        json!(["a", "teller", 1, "job a", true])
    );
    assert_eq!(
        results[1]["output"],
        json!(["b", "teller", 1, "job b", true])
    );
}

#[tokio::test]
async fn what_it_returns_its_requests_and_its_leaks_are_in_its_result() {
    let upstream = Upstream::start().await.unwrap();
    let url = format!("{}/item/1", upstream.plain_url());
    let get = move |_: Value| {
        let url = url.clone();
        async move {
            let session = http_session()?;
            let response = session.get(&url).send().await?;
            let length = response.bytes().await?.len();
            drop(session);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(length)
        }
    };
    let files = Files::new();
    let worker = Worker::new("getter", get);
    let lines: Vec<Value> = (0..9).map(|n| json!({"id": format!("{n}")})).collect();
    let plan = files.plan(&lines).concurrency(1);
    let ended = worker.run(plan, pending()).await.unwrap();
    for line in files.json("results") {
        assert!(line["output"].as_u64().unwrap() > 0, "{line}");
        assert_eq!(line["exit"]["requests"], 1);
    }
    let sums = &ended.progress.tally;
    assert_eq!((sums.requests, sums.connections_opened), (9, 1));
    assert_eq!(sums.connections_reused(), 8);
    assert_eq!(upstream.seen().requests(), 9);
    assert_eq!(sums.leaks(), 0);
}

#[tokio::test]
async fn a_job_hears_that_the_worker_closes_and_may_end_in_time() {
    let (says_so, has_begun) = oneshot::channel();
    let says_so = parking_lot::Mutex::new(Some(says_so));
    let lasts = move |_: Value, job: JobContext| {
        let says_so = says_so.lock().take();
        async move {
            assert!(!job.is_closing());
            says_so.unwrap().send(()).unwrap();
            job.closing().await;
            Ok::<_, JobError>("in good order")
        }
    };
    let files = Files::new();
    let queue = JobQueue::open(&QueueAddress::Embedded(Some(files.path("state"))))
        .await
        .unwrap();
    let _ = queue.enqueue("a", &json!({})).await.unwrap();
    let plan = Plan::on(&queue)
        .results(Target::File(files.path("results")))
        .drain_timeout(Duration::from_mins(1));
    let stop = async { has_begun.await.unwrap() };
    let ended = Worker::new("laster", lasts).run(plan, stop).await.unwrap();
    assert_eq!((ended.progress.unfinished(), ended.interrupted), (0, false));
    assert_eq!(files.json("results")[0]["output"], "in good order");
}

/// Says that it is gone.
struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn kinds_that_matter_less_are_cut_off_before_the_others_and_stay_in_the_queue() {
    let files = Files::new();
    let address = QueueAddress::Embedded(Some(files.path("state")));
    let queue = JobQueue::open(&address).await.unwrap();
    for kind in ["less", "more"] {
        let queued = queue.kind(kind).enqueue(kind, &json!({})).await;
        assert_eq!(queued.unwrap(), Enqueued::Queued);
    }
    let (both, gone) = (Arc::new(Barrier::new(3)), Arc::new(Notify::new()));
    let (started, let_go) = (Arc::clone(&both), Arc::clone(&gone));
    let less = move |_: Value| {
        let (started, let_go) = (Arc::clone(&started), Gone(Arc::clone(&let_go)));
        async move {
            started.wait().await;
            pending::<()>().await;
            drop(let_go);
            Ok::<_, JobError>(())
        }
    };
    let started = Arc::clone(&both);
    let more = move |_: Value, job: JobContext| {
        let (started, gone) = (Arc::clone(&started), Arc::clone(&gone));
        async move {
            started.wait().await;
            job.closing().await;
            gone.notified().await;
            Ok::<_, JobError>("after the other one")
        }
    };
    let worker = Worker::builder("both")
        .kind(Kind::new(less).named("less").drain_timeout(Duration::ZERO))
        .kind(Kind::new(more).named("more"))
        .build();
    let plan = Plan::on(&queue)
        .results(Target::File(files.path("results")))
        .drain_timeout(Duration::from_hours(1));
    let stop = async {
        both.wait().await;
    };
    // Without the bound of its kind the one that matters less would go on for as long as the others may.
    let ended = timeout(Duration::from_secs(30), worker.run(plan, stop));
    let ended = ended.await.expect("it is cut off at once").unwrap();
    assert_eq!((ended.progress.unfinished(), ended.interrupted), (1, true));
    let results = files.json("results");
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["output"], "after the other one");
}
