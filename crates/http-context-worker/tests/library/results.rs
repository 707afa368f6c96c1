//! Results that go to a function.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_context_worker::{Failure, JobError, JobResult, Plan, Worker};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::Files;

async fn double(job: Value) -> Result<u64, JobError> {
    let n = job["n"]
        .as_u64()
        .ok_or_else(|| JobError::fatal("there is no n"))?;
    Ok(2 * n)
}

fn lines(count: u64) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"id": format!("{n}"), "n": n}))
        .collect()
}

/// Takes results into this list.
fn into(plan: Plan, list: &Arc<Mutex<Vec<JobResult>>>) -> Plan {
    let list = Arc::clone(list);
    plan.results_to("list", move |results| {
        list.lock().extend(results);
        async { Ok::<_, std::io::Error>(()) }
    })
}

#[tokio::test]
async fn each_result_comes_to_the_function_and_is_read_by_its_parts() {
    let (files, list) = (Files::new(), Arc::<Mutex<Vec<JobResult>>>::default());
    let mut jobs = lines(700);
    jobs.push(json!({"id": "bad"}));
    let plan = into(files.plan(&jobs), &list);
    Worker::new("doubler", double)
        .run(plan, pending())
        .await
        .unwrap();
    let results = std::mem::take(&mut *list.lock());
    assert_eq!(results.len(), 701);
    for result in results {
        assert_eq!(result.attempts(), 1);
        if result.id() == "bad" {
            assert_eq!(
                (result.is_ok(), result.error().as_deref()),
                (false, Some("there is no n"))
            );
        } else {
            let n: u64 = result.id().parse().unwrap();
            assert_eq!(
                (result.is_ok(), result.output::<u64>().unwrap()),
                (true, 2 * n)
            );
        }
    }
    assert!(!files.path("results").exists());
}

#[tokio::test]
async fn what_the_function_does_not_take_stays_in_the_queue() {
    let (files, list) = (Files::new(), Arc::<Mutex<Vec<JobResult>>>::default());
    let state = files.path("state");
    let fails = Arc::new(AtomicBool::new(true));
    let refuses = {
        let (fails, list) = (Arc::clone(&fails), Arc::clone(&list));
        move |results: Vec<JobResult>| {
            let is_taken = !fails.load(Ordering::SeqCst);
            if is_taken {
                list.lock().extend(results);
            }
            async move {
                if is_taken {
                    Ok(())
                } else {
                    Err("the database is away")
                }
            }
        }
    };
    let worker = Worker::new("doubler", double);
    let plan = || {
        files
            .plan(&lines(100))
            .state(&state)
            .results_to("list", refuses.clone())
    };
    let failure = worker.run(plan(), pending()).await.unwrap_err();
    assert!(matches!(failure, Failure::Results(_)), "{failure:?}");
    // Nor may they go elsewhere, as long as they are not finished.
    let elsewhere = files.plan(&lines(100)).state(&state);
    let failure = worker.run(elsewhere, pending()).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::OtherResults { before, .. } if before == "function list"),
        "{failure:?}"
    );
    fails.store(false, Ordering::SeqCst);
    worker.run(plan(), pending()).await.unwrap();
    let mut ids: Vec<u64> = list
        .lock()
        .iter()
        .map(|result| result.id().parse().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
}
