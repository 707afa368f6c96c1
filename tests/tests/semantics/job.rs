//! `job`: work of any output, in a context of its own.

use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{NestedPolicy, OpenError, Outcome, builder, current, http_session, job, open};
use http_context_tests::FactLines as _;

#[tokio::test]
async fn it_returns_whatever_the_work_returns() {
    assert_eq!(job(async { 5 }).await, 5);
    assert_eq!(job(async || "text").await, "text");
    assert_eq!(builder().job(async { Err::<(), _>(5) }).await, Err(5));
}

#[tokio::test]
async fn inside_a_context_it_opens_a_fresh_one_whatever_the_policy() {
    for policy in [
        NestedPolicy::PassThrough,
        NestedPolicy::Warn,
        NestedPolicy::Deny,
        NestedPolicy::Isolate,
    ] {
        let outer = builder().nested(policy).open(async {
            let (context, session) = (current().unwrap(), http_session()?);
            let work = async { (current().unwrap(), http_session().unwrap().id()) };
            let ((inner, id), report) = job(work).with_report().await;
            assert_ne!(inner, context);
            assert_ne!(id, session.id());
            assert!(report.unwrap().is_clean());
            assert_eq!(current().unwrap(), context);
            assert_eq!(http_session()?, session);
            Ok::<_, OpenError>(())
        });
        outer.await.unwrap();
    }
}

#[tokio::test]
async fn its_session_is_built_at_the_first_lookup() {
    let recorder = Arc::new(Recorder::new());
    let context = builder().observer(recorder.clone());
    context.clone().job(async {}).await;
    assert_eq!(
        recorder.lines(),
        ["context_opened", "context_closed completed"]
    );
    context
        .job(async { http_session().map(drop) })
        .await
        .unwrap();
    assert_eq!(recorder.count("session_opened created"), 1);
}

#[tokio::test]
async fn its_outcome_is_completed_whatever_the_work_returns() {
    let (output, report) = job(async { Err::<(), _>("failed") }).with_report().await;
    assert_eq!(output, Err("failed"));
    assert_eq!(report.unwrap().outcome, Outcome::Completed);
}

#[tokio::test]
async fn an_open_inside_a_job_passes_through_to_it() {
    let work = async {
        let context = current().unwrap();
        let inner = open(async { Ok::<_, OpenError>(current().unwrap()) });
        inner.await.unwrap() == context
    };
    assert!(job(work).await);
}
