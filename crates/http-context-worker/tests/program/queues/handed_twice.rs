//! A job that one worker has in hand twice, because its queue forgot the first time: the server that answered was
//! replaced by one which had not been told in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_context_worker::{
    Enqueued, JobError, JobQueue, JobResult, Kind, Plan, RetryPolicy, Worker,
};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::{SharedServer, over_each_server};

over_each_server! {
    its_two_attempts_settle_it_once
    an_attempt_that_failed_leaves_nothing_of_a_job_that_another_has_done
}

/// Long enough for a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(30);

/// Two attempts at one job are settled together, of which this one fails: the results of the job.
fn settled_together<S: SharedServer>(failing: Option<usize>) -> Vec<String> {
    let store = S::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settled = async {
        let queue = JobQueue::open(&store.address("http-context"))
            .await
            .unwrap();
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (open, gate) = watch::channel(false);
        let (number, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ends = Arc::clone(&ended);
        let job = move |job: Value| {
            let (begun, mut gate, number) = (begun.clone(), gate.clone(), Arc::clone(&number));
            async move {
                if job["waits"] == false {
                    return Ok(());
                }
                let attempt = number.fetch_add(1, Ordering::SeqCst);
                begun.send(()).unwrap();
                gate.wait_for(|is_open| *is_open).await.unwrap();
                if failing == Some(attempt) {
                    let wait = Duration::from_millis(1);
                    return Err(JobError::retry_after(wait, "it fails"));
                }
                Ok(())
            }
        };
        let worker = Worker::builder("twice")
            .kind(Kind::new(job))
            .after(move |_, _| {
                ends.add_permits(1);
                async {}
            })
            .build();
        let (results, mut taken) = mpsc::unbounded_channel();
        let go = Arc::new(Notify::new());
        let (going, stop) = (Arc::clone(&go), Arc::new(Notify::new()));
        let stopped = Arc::clone(&stop);
        let plan = Plan::on(&queue).retry(RetryPolicy::attempts(3)).results_to(
            "list",
            move |taken: Vec<JobResult>| {
                let ids: Vec<String> = taken.iter().map(JobResult::id).collect();
                let is_first = ids.contains(&"first".to_owned());
                let going = Arc::clone(&going);
                results.send(ids).unwrap();
                async move {
                    if is_first {
                        going.notified().await;
                    }
                    Ok::<(), std::io::Error>(())
                }
            },
        );
        let run = tokio::spawn(async move { worker.run(plan, stopped.notified()).await });

        let waits = |waits: bool| json!({"waits": waits});
        let queued = queue.enqueue("twice", &waits(true)).await;
        assert_eq!(queued.unwrap(), Enqueued::Queued);
        begins.recv().await.unwrap();
        store.forget_what_is_in_hand();
        begins.recv().await.unwrap();
        // While this one is settled nothing else is: what ends in the meantime is settled together.
        let queued = queue.enqueue("first", &waits(false)).await;
        assert_eq!(queued.unwrap(), Enqueued::Queued);
        assert_eq!(taken.recv().await.unwrap(), ["first"]);
        open.send(true).unwrap();
        let _ended = ended.acquire_many(3).await.unwrap();
        // On one thread these come after what the two are about to hand over.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        let mut all = taken.recv().await.unwrap();
        // One more goes through all of it: nothing is left that would stop the worker.
        let queued = queue.enqueue("last", &waits(false)).await;
        assert_eq!(queued.unwrap(), Enqueued::Queued);
        while !["twice", "last"]
            .iter()
            .all(|id| all.iter().any(|taken| taken == id))
        {
            all.extend(taken.recv().await.unwrap());
        }
        stop.notify_one();
        run.await.unwrap().unwrap();
        while let Ok(more) = taken.try_recv() {
            all.extend(more);
        }
        assert_eq!(store.unfinished(), 0);
        store.assert_tidy();
        all.retain(|id| id == "twice");
        all
    };
    let settled = runtime.block_on(async { timeout(LIMIT, settled).await });
    settled.expect("the worker goes on")
}

fn its_two_attempts_settle_it_once<S: SharedServer>() {
    assert_eq!(settled_together::<S>(None), ["twice"]);
}

fn an_attempt_that_failed_leaves_nothing_of_a_job_that_another_has_done<S: SharedServer>() {
    for failing in [0, 1] {
        assert_eq!(settled_together::<S>(Some(failing)), ["twice"]);
    }
}
