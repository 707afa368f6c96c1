//! Queues that are filled by calls.

use std::error::Error as _;
use std::future::pending;
use std::sync::Arc;

use http_context_worker::{
    EnqueueError, Enqueued, Failure, JobContext, JobError, JobQueue, JobsFrom, Kind, Plan,
    QueueAddress, StateError, Target, Worker,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::Files;

async fn echo(job: Value) -> Result<Value, JobError> {
    Ok(job)
}

async fn open(files: &Files) -> JobQueue {
    JobQueue::open(&QueueAddress::Embedded(Some(files.path("state"))))
        .await
        .unwrap()
}

#[tokio::test]
async fn an_id_is_queued_once_whoever_brings_it() {
    let files = Files::new();
    let queue = open(&files).await;
    assert_eq!(
        queue.enqueue("a", &json!({"n": 1})).await.unwrap(),
        Enqueued::Queued
    );
    assert_eq!(
        queue.enqueue("a", &json!({"n": 2})).await.unwrap(),
        Enqueued::Known
    );
    let (one, two) = (json!({"n": 3}), json!({"n": 4}));
    let many = [("b", &one), ("a", &two), ("b", &two), ("c", &one)];
    let mut known = queue.enqueue_all(many).await.unwrap();
    known.sort();
    assert_eq!(known, ["a", "b"]);
    drop(queue);
    // A file brings one of them too.
    let lines = [json!({"id": "c", "n": 5}), json!({"id": "d", "n": 6})];
    let plan = files.plan(&lines).state(files.path("state"));
    Worker::new("echo", echo)
        .run(plan, pending())
        .await
        .unwrap();
    let results = files.json("results");
    let told: Vec<_> = results
        .iter()
        .map(|line| line["output"]["n"].clone())
        .collect();
    assert_eq!(told, [1, 3, 3, 6]);
    assert_eq!(
        files.json("rejects"),
        [json!({"line": 1, "field": "id", "error": "was queued already"})]
    );
}

#[tokio::test]
async fn jobs_are_queued_while_they_are_worked_off_also_by_jobs() {
    let files = Files::new();
    let queue = open(&files).await;
    let (more, done) = (queue.clone(), Arc::new(Notify::new()));
    let stop = Arc::clone(&done);
    let count_down = move |job: Value, context: JobContext| {
        let (queue, done) = (more.clone(), Arc::clone(&done));
        async move {
            let Some(left @ 1..) = job["left"].as_u64() else {
                done.notify_one();
                return Ok(());
            };
            let id = format!("{} {left}", context.id());
            let next = json!({"left": left - 1});
            let queued = queue.enqueue(&id, &next).await;
            queued.map(drop).map_err(JobError::failed)
        }
    };
    let results = Target::File(files.path("results"));
    let plan = Plan::on(&queue).results(results);
    let worker = Worker::new("countdown", count_down);
    let run = worker.run(plan, async { stop.notified().await });
    let fill = async { queue.enqueue("start", &json!({"left": 5})).await.unwrap() };
    let (ended, first) = tokio::join!(run, fill);
    assert_eq!(first, Enqueued::Queued);
    assert_eq!(
        (
            ended.unwrap().progress.tally.ok,
            files.json("results").len()
        ),
        (6, 6)
    );
    // The run has ended, and the queue with it.
    let late = queue.enqueue("late", &json!({})).await;
    assert!(matches!(late, Err(EnqueueError::Queue(_))), "{late:?}");
}

#[tokio::test]
async fn what_is_no_job_is_refused_with_its_reason() {
    let files = Files::new();
    let queue = open(&files).await;
    let long = "x".repeat(http_context_worker::MAX_ID_BYTES + 1);
    let big = json!({"text": "x".repeat(http_context_worker::MAX_LINE_BYTES)});
    for (id, job, field) in [
        ("", json!({}), "id"),
        (&*long, json!({}), "id"),
        ("a", json!("text"), "line"),
        ("a", big, "line"),
    ] {
        let refused = queue.enqueue(id, &job).await.unwrap_err();
        let EnqueueError::Job(bad) = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(bad.field, field);
        assert!(refused.source().is_some());
    }
}

#[tokio::test]
async fn a_kind_is_named_with_the_queue() {
    let files = Files::new();
    let queue = open(&files).await;
    for kind in ["a", "b"] {
        assert_eq!(
            queue.kind(kind).enqueue(kind, &json!({})).await.unwrap(),
            Enqueued::Queued
        );
    }
    drop(queue);
    let of = |name: &'static str| {
        Kind::new(move |_: Value| async move { Ok::<_, JobError>(name) }).named(name)
    };
    let worker = Worker::builder("both").kind(of("a")).kind(of("b")).build();
    let plan = files.plan(&[]).state(files.path("state"));
    worker.run(plan, pending()).await.unwrap();
    for line in files.json("results") {
        assert_eq!(line["id"], line["output"]);
    }
}

#[tokio::test]
async fn a_job_that_this_worker_cannot_read_fails_and_says_why() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Mail {
        to: String,
    }
    async fn send(mail: Mail) -> Result<String, JobError> {
        Ok(mail.to)
    }
    let files = Files::new();
    let queue = open(&files).await;
    let _ = queue
        .enqueue("a", &json!({"to": ["hunter2"]}))
        .await
        .unwrap();
    let _ = queue.enqueue("b", &json!({"to": "b"})).await.unwrap();
    drop(queue);
    let plan = files.plan(&[]).state(files.path("state"));
    Worker::new("mailer", send)
        .run(plan, pending())
        .await
        .unwrap();
    let results = files.json("results");
    assert_eq!(
        results[0]["error"],
        "cannot be read as a job of this worker: to: invalid type: sequence, expected a string"
    );
    assert_eq!(results[1]["output"], "b");
}

#[tokio::test]
async fn a_state_is_one_process_and_a_queue_is_worked_off_once() {
    let files = Files::new();
    let queue = open(&files).await;
    let state = QueueAddress::Embedded(Some(files.path("state")));
    let refused = JobQueue::open(&state).await.unwrap_err();
    assert!(
        matches!(refused, Failure::State(StateError::Locked { .. })),
        "{refused:?}"
    );
    let worker = Worker::new("echo", echo);
    let plan = || Plan::on(&queue).results(Target::File(files.path("results")));
    worker.run(plan(), async {}).await.unwrap();
    worker.run(plan(), async {}).await.unwrap_err();
    drop(queue);
    let missing = Plan::run(JobsFrom::File(files.path("missing")));
    let failure = worker.run(missing, pending()).await.unwrap_err();
    assert!(matches!(failure, Failure::Input(_)), "{failure:?}");
}

#[tokio::test]
async fn a_job_that_is_queued_for_a_time_waits_for_it_and_one_whose_time_is_past_does_not() {
    use std::time::{Duration, SystemTime};

    let files = Files::new();
    let queue = open(&files).await;
    let far = SystemTime::now() + Duration::from_hours(1_000_000);
    for (id, time) in [("later", far), ("past", SystemTime::UNIX_EPOCH)] {
        for expected in [Enqueued::Queued, Enqueued::Known] {
            let queued = queue.enqueue_at(time, id, &json!({})).await.unwrap();
            assert_eq!(queued, expected, "{id}");
        }
    }
    let done = Arc::new(Notify::new());
    let stop = Arc::clone(&done);
    let tell = move |_: Value, job: JobContext| {
        done.notify_one();
        async move { Ok::<_, JobError>(job.id().to_owned()) }
    };
    let plan = Plan::on(&queue).results(Target::File(files.path("results")));
    let worker = Worker::new("teller", tell);
    let ended = worker.run(plan, async { stop.notified().await });
    let ended = ended.await.unwrap();
    assert_eq!((ended.progress.unfinished(), ended.interrupted), (1, true));
    let results = files.json("results");
    assert_eq!(results.len(), 1, "{results:?}");
    assert_eq!(results[0]["output"], "past");
}
