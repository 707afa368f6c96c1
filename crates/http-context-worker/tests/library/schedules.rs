//! Jobs by the calendar.

use std::sync::Arc;

use http_context_worker::{Failure, JobContext, JobError, JobQueue, Kind, Plan, QueueAddress};
use http_context_worker::{Schedule, Target, Worker};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::Files;

/// A worker whose job is queued each second, and what has a permit for each that was done.
fn every_second() -> (Worker, Arc<Semaphore>) {
    let done = Arc::new(Semaphore::new(0));
    let add = Arc::clone(&done);
    let tick = move |_: Value, context: JobContext| {
        let now = jiff::Timestamp::now();
        add.add_permits(1);
        async move { Ok::<_, JobError>(json!([context.id(), now.to_string()])) }
    };
    let worker = Worker::builder("clock")
        .kind(Kind::new(tick))
        .schedule(Schedule::cron("tick", "* * * * * *", &json!({})))
        .build();
    (worker, done)
}

/// Runs the worker on the state until as many jobs were done.
async fn run(files: &Files, jobs: u32) {
    let (worker, done) = every_second();
    let state = QueueAddress::Embedded(Some(files.path("state")));
    let queue = JobQueue::open(&state).await.unwrap();
    let plan = Plan::on(&queue).results(Target::File(files.path("results")));
    let stop = async { drop(done.acquire_many(jobs).await.unwrap()) };
    worker.run(plan, stop).await.unwrap();
}

#[tokio::test]
async fn the_job_of_each_time_is_queued_once_and_runs_no_sooner() {
    let files = Files::new();
    run(&files, 3).await;
    // What was queued for a time to come is in the queue still: it is not queued again.
    run(&files, 2).await;
    let lines = files.json("results");
    assert!(lines.len() >= 4, "{lines:?}");
    let mut times: Vec<jiff::Timestamp> = Vec::new();
    for line in &lines {
        assert_eq!(
            (&line["status"], &line["output"][0]),
            (&json!("ok"), &line["id"])
        );
        let time = line["id"].as_str().unwrap().strip_prefix("tick@").unwrap();
        let time: jiff::Timestamp = time.parse().unwrap();
        let ran: jiff::Timestamp = line["output"][1].as_str().unwrap().parse().unwrap();
        assert!(ran >= time, "{line}");
        times.push(time);
    }
    times.dedup();
    assert_eq!(times.len(), lines.len());
}

#[tokio::test]
async fn a_run_of_a_file_of_jobs_ends_with_them() {
    let files = Files::new();
    let (worker, _) = every_second();
    let ended = files.run(&worker, &[json!({"id": "a"})]).await;
    assert_eq!(ended.progress.tally.ok, 1);
    assert_eq!(files.json("results")[0]["id"], "a");
}

#[tokio::test]
async fn a_mistake_in_a_schedule_is_a_sentence_when_the_worker_is_run() {
    async fn nothing(_: Value) -> Result<(), JobError> {
        Ok(())
    }
    let ok = || Schedule::cron("a", "0 0 1 1 *", &json!({}));
    for (schedules, sentence) in [
        (vec![ok(), ok()], "two schedules have the name a"),
        (
            vec![Schedule::cron("b", "0 0 1 1 *", "text")],
            "the job of the schedule b is none of this worker's: line: must be a JSON object, \
             this is a string",
        ),
    ] {
        let mut worker = Worker::builder("w").kind(Kind::new(nothing));
        for schedule in schedules {
            worker = worker.schedule(schedule);
        }
        let plan = Plan::serve(QueueAddress::Embedded(None));
        let failure = worker.build().run(plan, async {}).await.unwrap_err();
        let Failure::Worker(told) = &failure else {
            panic!("{failure:?}");
        };
        assert_eq!(told, sentence);
    }
}

/// Each of two kinds says that it was asked.
#[tokio::test]
async fn of_several_kinds_the_job_is_of_the_one_that_the_schedule_names() {
    let (asked, mut came) = tokio::sync::mpsc::unbounded_channel();
    let kind = |name: &'static str| {
        let asked = asked.clone();
        let told = move |_: Value, job: JobContext| {
            let told = asked.send((name, job.kind().to_owned()));
            async move { told.map_err(JobError::failed) }
        };
        Kind::new(told).named(name)
    };
    let worker = Worker::builder("clock")
        .kind(kind("hour"))
        .kind(kind("second"))
        .schedule(Schedule::cron("tick", "* * * * * *", &json!({})).of_kind("second"))
        .build();
    let plan = Plan::serve(QueueAddress::Embedded(None)).results(Target::Stdout);
    let (first, stop) = tokio::sync::oneshot::channel::<()>();
    let run = worker.run(plan, async { drop(stop.await) });
    let hear = async {
        let heard = came.recv().await.unwrap();
        drop(first);
        heard
    };
    let (ended, heard) = tokio::join!(run, hear);
    ended.unwrap();
    assert_eq!(heard, ("second", "second".to_owned()));
}
