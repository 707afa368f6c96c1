//! Queues that are filled by calls, whatever keeps them.

use std::path::PathBuf;
use std::sync::Arc;

use http_context_worker::{Enqueued, JobContext, JobError, JobQueue, Plan, Target, Worker};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{SharedServer, over_each_server};
use crate::support::{Files, until};

over_each_server! {
    an_id_is_queued_once_by_all_who_bring_it_at_once
    jobs_are_queued_while_they_are_worked_off_also_by_jobs
    results_that_go_to_a_function_come_once_each
}

fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

async fn open<S: SharedServer>(store: &S) -> JobQueue {
    JobQueue::open(&store.address("http-context"))
        .await
        .unwrap()
}

fn results(path: PathBuf) -> Target {
    Target::File(path)
}

/// Each brings all of them, in an order of its own.
fn an_id_is_queued_once_by_all_who_bring_it_at_once<S: SharedServer>() {
    let store = S::start();
    let known = block_on(async {
        let mut bringing = tokio::task::JoinSet::new();
        for n in 0..8 {
            let queue = open(&store).await;
            bringing.spawn(async move {
                let mut ids: Vec<String> =
                    (0..100).map(|i| format!("id {i} \0 \u{1f4ee}")).collect();
                ids.rotate_left(n * 10);
                let job = json!({"n": n});
                let mut known = 0;
                for ids in ids.chunks(25) {
                    let jobs: Vec<_> = ids.iter().map(|id| (id.as_str(), &job)).collect();
                    known += queue.enqueue_all(jobs).await.unwrap().len();
                }
                known
            });
        }
        bringing.join_all().await
    });
    assert_eq!(known.iter().sum::<usize>(), 700, "{known:?}");
    let again = block_on(async {
        let queue = open(&store).await;
        queue
            .enqueue("id 7 \0 \u{1f4ee}", &json!({}))
            .await
            .unwrap()
    });
    assert_eq!(again, Enqueued::Known);
    assert_eq!(store.unfinished(), 100);
}

fn jobs_are_queued_while_they_are_worked_off_also_by_jobs<S: SharedServer>() {
    let (files, store) = (Files::new(), S::start());
    block_on(async {
        let queue = open(&store).await;
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
        let plan = Plan::on(&queue).results(results(files.path("results")));
        let worker = Worker::new("countdown", count_down);
        let run = worker.run(plan, async { stop.notified().await });
        let fill = async { queue.enqueue("start", &json!({"left": 5})).await.unwrap() };
        let (ended, first) = tokio::join!(run, fill);
        assert_eq!(first, Enqueued::Queued);
        assert_eq!(ended.unwrap().progress.tally.ok, 6);
    });
    assert_eq!(files.json("results").len(), 6);
}

fn results_that_go_to_a_function_come_once_each<S: SharedServer>() {
    let store = S::start();
    let taken = Arc::new(parking_lot::Mutex::new(Vec::new()));
    block_on(async {
        let queue = open(&store).await;
        let jobs: Vec<_> = (0..300)
            .map(|i| (format!("{i}"), json!({"n": i})))
            .collect();
        let jobs = jobs.iter().map(|(id, job)| (id.as_str(), job));
        assert_eq!(queue.enqueue_all(jobs).await.unwrap(), [""; 0]);
        let (taking, done) = (Arc::clone(&taken), Arc::new(Notify::new()));
        let stop = Arc::clone(&done);
        let plan = Plan::on(&queue).results_to("list", move |results| {
            let mut taken = taking.lock();
            taken.extend(results.into_iter().map(|result| result.id()));
            if taken.len() == 300 {
                done.notify_one();
            }
            async { Ok::<(), std::io::Error>(()) }
        });
        let echo = |job: Value| async move { Ok::<_, JobError>(job) };
        let worker = Worker::new("echo", echo);
        let ended = worker.run(plan, async { stop.notified().await });
        assert_eq!(ended.await.unwrap().progress.tally.ok, 300);
    });
    let mut ids = taken.lock().clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 300);
    until("it is tidy", || store.unfinished() == 0);
}
