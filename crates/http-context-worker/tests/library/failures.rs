//! What a job's function says of a failure, and what the worker does.

use std::future::pending;
use std::time::Duration;

use http_context::{current, http_session};
use http_context_worker::program::upstream::Upstream;
use http_context_worker::{JobContext, JobError, Kind, RetryPolicy, Worker};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::Files;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Does {
    Fail,
    FailWith(u32),
    Fatal,
    Nest,
}

#[derive(Serialize, Deserialize)]
struct Task {
    does: Does,
}

#[derive(Debug, thiserror::Error)]
#[error("the provider refused https://me:hunter2@host/")]
struct Refused(#[source] JobError);

async fn act(task: Task, job: JobContext) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    match task.does {
        Does::Fail => Err("it fell".into()),
        Does::FailWith(known) => Err(JobError::failed("half-way").with_output(&known).into()),
        Does::Fatal => Err(JobError::fatal("there is no such address").into()),
        Does::Nest if job.attempt() < 3 => {
            let wait = JobError::retry_after(Duration::ZERO, "too many requests");
            Err(Refused(wait).into())
        }
        Does::Nest => Ok(job.attempt()),
    }
}

fn retries(attempts: u32) -> RetryPolicy {
    RetryPolicy::attempts(attempts).first_delay(Duration::ZERO)
}

#[tokio::test]
async fn a_job_is_tried_again_as_its_error_says_and_its_result_has_what_is_known() {
    let files = Files::new();
    let worker = Worker::new("actor", act);
    let lines = [
        json!({"id": "1-fail", "does": "fail"}),
        json!({"id": "2-known", "does": {"fail_with": 7}}),
        json!({"id": "3-fatal", "does": "fatal"}),
        json!({"id": "4-nested", "does": "nest"}),
    ];
    let plan = files.plan(&lines).retry(retries(3));
    let ended = worker.run(plan, pending()).await.unwrap();
    let told: Vec<_> = files
        .json("results")
        .iter()
        .map(|line| {
            let error = line["error"].as_str().map(str::to_owned);
            (
                line["attempts"].as_u64().unwrap(),
                error,
                line["output"].clone(),
            )
        })
        .collect();
    let error = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (3, error("it fell"), Value::Null),
            (3, error("half-way"), json!(7)),
            (1, error("there is no such address"), Value::Null),
            (3, None, json!(3)),
        ]
    );
    assert_eq!(
        (ended.progress.tally.ok, ended.progress.tally.failed),
        (1, 3)
    );
    assert_eq!(ended.progress.tally.retried, 3);
}

#[tokio::test]
async fn an_error_keeps_the_secrets_of_its_urls() {
    let files = Files::new();
    let worker = Worker::new("actor", act);
    files
        .run(&worker, &[json!({"id": "a", "does": "nest"})])
        .await;
    assert_eq!(
        files.json("results")[0]["error"],
        "the provider refused https://REDACTED:REDACTED@host/: too many requests"
    );
}

#[tokio::test]
async fn a_panic_is_a_failure_that_says_where() {
    async fn falls(task: Value) -> Result<(), JobError> {
        let _session = http_session().map_err(JobError::failed)?;
        assert!(task["holds"].as_bool().unwrap(), "it does not hold");
        Ok(())
    }
    let files = Files::new();
    let worker = Worker::new("faller", falls);
    let lines = [
        json!({"id": "a", "holds": false}),
        json!({"id": "b", "holds": true}),
    ];
    let ended = files.run(&worker, &lines).await;
    let results = files.json("results");
    let error = results[0]["error"].as_str().unwrap();
    let place = format!("the code of the job panicked at {}:", file!());
    assert!(error.starts_with(&place), "{error}");
    assert!(error.ends_with(": it does not hold"), "{error}");
    assert_eq!(results[0]["exit"]["outcome"], "panicked");
    assert_eq!(results[1]["status"], "ok");
    assert_eq!(ended.progress.tally.contexts["panicked"], 1);
}

#[tokio::test]
async fn a_deadline_cancels_the_context_of_its_job() {
    let upstream = Upstream::start().await.unwrap();
    let url = format!("{}/unanswered", upstream.plain_url());
    let (says_so, has_begun) = tokio::sync::oneshot::channel();
    let says_so = parking_lot::Mutex::new(Some(says_so));
    let hang = move |_: Value, job: JobContext| {
        let said = says_so
            .lock()
            .take()
            .unwrap()
            .send((job.clone(), current().unwrap()));
        let url = url.clone();
        async move {
            said.unwrap();
            let request = http_session().map_err(JobError::failed)?.get(url);
            request.send().await.map_err(JobError::failed)?;
            pending::<Result<(), JobError>>().await
        }
    };
    let limit = Duration::from_millis(200);
    let kind = Kind::new(hang).deadline(limit);
    let worker = Worker::builder("hanger").kind(kind).build();
    let files = Files::new();
    let before = Instant::now();
    files.run(&worker, &[json!({"id": "a"})]).await;
    let (job, context) = has_begun.await.unwrap();
    assert!(before + limit <= job.deadline().unwrap());
    assert!(context.has_exited());
    let line = &files.json("results")[0];
    assert_eq!(line["error"], "was not done within its deadline, 200ms");
    assert_eq!(line["exit"]["outcome"], "cancelled");
    assert_eq!(upstream.closed_within(Duration::from_mins(1)).await, 0);
}
