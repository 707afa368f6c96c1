//! `open` while a context is bound, under each policy.

use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{NestedPolicy, OpenError, builder, current, http_session, open};
use http_context_tests::FactLines as _;

fn outer(policy: NestedPolicy, recorder: &Arc<Recorder>) -> http_context::ContextBuilder {
    builder().nested(policy).observer(recorder.clone())
}

#[tokio::test]
async fn by_default_the_bound_session_is_yielded_and_left_untouched() {
    let recorder = Arc::new(Recorder::new());
    builder()
        .observer(recorder.clone())
        .open(async {
            let session = http_session().unwrap();
            let (inner, report) = open(async { Ok::<_, OpenError>(http_session().unwrap()) })
                .with_report()
                .await;
            assert_eq!(inner?, session);
            assert!(report.is_none(), "nothing exited");
            assert!(!session.is_closed());
            assert_eq!(http_session().unwrap(), session);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    assert_eq!(recorder.count("session_opened created"), 1);
    assert_eq!(recorder.count("context_closed"), 1);
}

#[tokio::test]
async fn each_nested_open_is_counted_and_located() {
    for (policy, label) in [
        (NestedPolicy::PassThrough, "pass_through"),
        (NestedPolicy::Warn, "warn"),
        (NestedPolicy::Deny, "deny"),
        (NestedPolicy::Isolate, "isolate"),
    ] {
        let recorder = Arc::new(Recorder::new());
        let mut lines = Vec::new();
        let outer_line = line!() + 1;
        let opened = outer(policy, &recorder).open(async {
            for _ in 0..2 {
                lines.push(line!() + 1);
                let _ = open(async { Ok::<_, OpenError>(()) }).await;
            }
            Ok::<_, OpenError>(())
        });
        let (result, report) = opened.with_report().await;
        result.unwrap();
        assert_eq!(report.unwrap().nested_opens, 2);
        for line in lines {
            let fact = format!("nested_open {label} {line} in {outer_line}");
            assert_eq!(
                recorder.count(&fact),
                2,
                "{fact} is missing in {:?}",
                recorder.lines()
            );
        }
    }
}

#[tokio::test]
async fn warn_passes_through() {
    let recorder = Arc::new(Recorder::new());
    outer(NestedPolicy::Warn, &recorder)
        .open(async {
            let id = current().unwrap().id();
            let inner = open(async { Ok::<_, OpenError>(current().unwrap().id()) }).await?;
            assert_eq!(inner, id);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn deny_is_an_error_that_names_the_outer_call_site_and_the_work_is_not_started() {
    let recorder = Arc::new(Recorder::new());
    let outer_line = line!() + 2;
    outer(NestedPolicy::Deny, &recorder)
        .open(async {
            let denied: Result<(), OpenError> = open(async { unreachable!("it is denied") }).await;
            let error = denied.unwrap_err();
            assert!(matches!(error, OpenError::NestedDenied(_)));
            let text = error.to_string();
            assert!(text.contains(&format!("nested.rs:{outer_line}:")), "{text}");
            assert!(http_session().is_ok(), "the outer one stays as it was");
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn isolate_is_a_fresh_session_and_the_outer_one_is_back_afterwards() {
    let recorder = Arc::new(Recorder::new());
    outer(NestedPolicy::Isolate, &recorder)
        .open(async {
            let session = http_session().unwrap();
            let (inner, report) = open(async { Ok::<_, OpenError>(http_session().unwrap().id()) })
                .with_report()
                .await;
            assert_ne!(inner?, session.id());
            assert!(report.is_some(), "the inner context exited");
            assert_eq!(http_session().unwrap(), session);
            assert!(!session.is_closed());
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    assert_eq!(
        recorder.count("session_opened created"),
        1,
        "the inner one has no observer of its own"
    );
}

#[tokio::test]
async fn isolate_is_fresh_each_time_also_without_an_observer() {
    builder()
        .nested(NestedPolicy::Isolate)
        .open(async {
            let mut ids = vec![current().unwrap().id()];
            for _ in 0..2 {
                ids.push(open(async { Ok::<_, OpenError>(current().unwrap().id()) }).await?);
            }
            assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn cancelling_a_nested_open_leaves_the_outer_context_open() {
    open(async {
        let nested = open(async { std::future::pending::<Result<(), OpenError>>().await });
        tokio::select! { biased; _ = nested => {}, () = tokio::task::yield_now() => {} }
        assert!(!http_session().unwrap().is_closed());
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}
