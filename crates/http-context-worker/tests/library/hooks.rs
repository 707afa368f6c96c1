//! What runs before and after each attempt.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http_context::{current, http_session};
use http_context_worker::{JobContext, JobEnd, JobError, Kind, RetryPolicy, Worker};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::Files;

#[tokio::test]
async fn hooks_stand_around_each_attempt() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let tell = |said: &Arc<Mutex<Vec<String>>>| {
        let said = Arc::clone(said);
        move |text: String| said.lock().push(text)
    };
    let (first, last, between) = (tell(&said), tell(&said), tell(&said));
    let work = move |_: Value, job: JobContext| {
        between(format!("run {}", job.attempt()));
        async move {
            let _session = http_session().map_err(JobError::failed)?;
            if job.attempt() == 1 {
                return Err(JobError::failed("busy"));
            }
            Ok(())
        }
    };
    let worker = Worker::builder("hooked")
        .kind(Kind::new(work))
        .before(move |job: JobContext| {
            first(format!("before {}", job.attempt()));
            async move {
                if job.id() == "refused" {
                    return Err("not today");
                }
                assert!(current().is_some());
                Ok(())
            }
        })
        .after(move |job: JobContext, end: JobEnd| {
            assert!(current().is_none() && end.exit.unwrap().is_clean());
            let error = end.error.unwrap_or_default();
            last(format!(
                "after {} {error} {:?}",
                job.attempt(),
                end.retry_in
            ));
            async { panic!("what a hook does to itself is not done to the job") }
        })
        .build();
    let files = Files::new();
    let retry = RetryPolicy::attempts(2).first_delay(Duration::ZERO);
    let plan = files.plan(&[json!({"id": "a"})]).retry(retry);
    worker.run(plan, pending()).await.unwrap();
    assert_eq!(
        std::mem::take(&mut *said.lock()),
        [
            "before 1",
            "run 1",
            "after 1 busy Some(0ns)",
            "before 2",
            "run 2",
            "after 2  None"
        ]
    );
    assert_eq!(files.json("results")[0]["status"], "ok");

    let again = Files::new();
    again.run(&worker, &[json!({"id": "refused"})]).await;
    assert_eq!(*said.lock(), ["before 1", "after 1 not today None"]);
    assert_eq!(again.json("results")[0]["error"], "not today");
}
