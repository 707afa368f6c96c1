//! Several kinds of jobs on one queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_context_worker::{
    BadField, Failure, JobContext, JobError, Kind, Plan, RetryPolicy, Worker,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Files;

#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
}

#[derive(Serialize, Deserialize)]
struct Text {
    number: u32,
}

async fn mail(mail: Mail) -> Result<String, JobError> {
    Ok(format!("mail to {}", mail.to))
}

async fn text(text: Text, job: JobContext) -> Result<String, JobError> {
    if job.attempt() == 1 {
        return Err(JobError::failed("busy"));
    }
    Ok(format!("text to {}", text.number))
}

#[tokio::test]
async fn each_line_goes_to_its_kind_and_each_kind_has_its_policy() {
    let retry = RetryPolicy::attempts(2).first_delay(Duration::ZERO);
    let worker = Worker::builder("messenger")
        .kind(Kind::new(mail).named("mail"))
        .kind(Kind::new(text).named("text").retry(retry))
        .build();
    let files = Files::new();
    let lines = [
        json!({"id": "1", "kind": "mail", "to": "a"}),
        json!({"id": "2", "kind": "text", "number": 7}),
        json!({"id": "3", "kind": "text", "to": "a"}),
        json!({"id": "4", "kind": "fax", "to": "a"}),
        json!({"id": "5", "to": "a"}),
        json!({"id": "6", "kind": 7}),
    ];
    files.run(&worker, &lines).await;
    let results = files.json("results");
    let told = |at: usize| (&results[at]["output"], &results[at]["attempts"]);
    assert_eq!(told(0), (&json!("mail to a"), &json!(1)));
    assert_eq!(told(1), (&json!("text to 7"), &json!(2)));
    let mut rejects = files.json("rejects");
    rejects.sort_by_key(|line| line["line"].as_u64());
    assert_eq!(
        rejects,
        [
            json!({"line": 3, "field": "number", "error": "is missing"}),
            json!({"line": 4, "field": "kind", "error": "is none of this worker's: it has mail, text"}),
            json!({"line": 5, "field": "kind", "error": "is missing: it is one of mail, text"}),
            json!({"line": 6, "field": "kind", "error": "must be a string, this is a number"}),
        ]
    );
}

#[tokio::test]
async fn a_kind_has_no_more_jobs_at_once_than_it_says() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let count = move |_: Value| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, JobError>(())
        }
    };
    let kind = Kind::new(count).concurrency(3);
    let worker = Worker::builder("counter").kind(kind).build();
    let files = Files::new();
    let lines: Vec<Value> = (0..60).map(|n| json!({"id": format!("{n}")})).collect();
    let ended = files.run(&worker, &lines).await;
    assert_eq!(ended.progress.tally.ok, 60);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_kind_reads_its_lines_by_hand_and_lays_its_output_out() {
    #[derive(Serialize)]
    struct Sent {
        to: String,
        at: Option<u8>,
    }
    async fn send(mail: Mail) -> Result<Sent, JobError> {
        if mail.to == "nobody" {
            return Err(JobError::fatal("nobody is there"));
        }
        Ok(Sent {
            to: mail.to,
            at: Some(7),
        })
    }
    let without = Sent {
        to: String::new(),
        at: None,
    };
    let kind = Kind::new(send).flat_output(&without).parse(|line| {
        let short = line.fields().get("mail").and_then(Value::as_str);
        let to = short
            .ok_or_else(|| BadField::new("mail", "is missing"))?
            .to_owned();
        Ok(Mail { to })
    });
    let files = Files::new();
    let worker = Worker::builder("mailer").kind(kind).build();
    let lines = [
        json!({"id": "a", "mail": "somebody"}),
        json!({"id": "b", "mail": "nobody"}),
        json!({"id": "c", "to": "somebody"}),
    ];
    files.run(&worker, &lines).await;
    let results = files.json("results");
    assert_eq!(
        (&results[0]["to"], &results[0]["at"]),
        (&json!("somebody"), &json!(7))
    );
    assert_eq!(
        (&results[1]["to"], &results[1]["at"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(results[0].get("output"), None);
    assert_eq!(files.json("rejects")[0]["field"], "mail");
}

#[tokio::test]
async fn a_worker_that_cannot_be_says_why() {
    let of = |worker: Worker| async move {
        let plan = Plan::run(http_context_worker::JobsFrom::Stdin);
        let failure = worker.run(plan, std::future::pending()).await.unwrap_err();
        assert!(matches!(failure, Failure::Worker(_)), "{failure:?}");
        failure.to_string()
    };
    assert_eq!(
        of(Worker::builder("idle").build()).await,
        "the worker idle has no kind of jobs"
    );
    let twice = Worker::builder("mailer")
        .kind(Kind::new(mail).named("mail"))
        .kind(Kind::new(mail).named("mail"));
    assert_eq!(
        of(twice.build()).await,
        "the worker mailer has two kinds of jobs with the name mail"
    );
    let unnamed = Worker::builder("mailer")
        .kind(Kind::new(mail).named("mail"))
        .kind(Kind::new(text));
    assert_eq!(
        of(unnamed.build()).await,
        "the worker mailer has several kinds of jobs, and one of them has no name"
    );
}
