//! Contexts, their sessions and their leaks are counted by what they were.

use std::time::Duration;

use futures_util::poll;
use http_context::{NestedPolicy, OpenError, http_session};
use tokio::sync::oneshot;

use crate::rig::{Rig, Wire};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn panics() -> Result<(), BoxError> {
    panic!("on purpose")
}

#[tokio::test]
async fn a_context_is_counted_by_its_outcome() {
    let rig = Rig::new(Wire::Http1);
    let context = rig.context().lazy();
    let completes = context.clone().open(async { Ok::<_, BoxError>(()) });
    completes.await.unwrap();
    for _ in 0..2 {
        let fails = async { Err::<(), BoxError>("on purpose".into()) };
        context.clone().open(fails).await.unwrap_err();
    }
    for _ in 0..3 {
        let pending = std::future::pending::<Result<(), BoxError>>();
        let mut dropped = Box::pin(context.clone().open(pending));
        assert!(poll!(&mut dropped).is_pending());
        assert_eq!(rig.exported().sum("http_context_contexts_active", &[]), 1);
    }
    for _ in 0..4 {
        let panicked = tokio::spawn(context.clone().open(async { panics() }));
        assert!(panicked.await.unwrap_err().is_panic());
    }
    let exported = rig.exported();
    let outcomes = ["completed", "failed", "cancelled", "panicked"].map(|outcome| {
        let outcome = [("outcome", outcome)];
        let durations = exported.count("http_context_context_duration_seconds", &outcome);
        let contexts = exported.sum("http_context_contexts_total", &outcome);
        assert_eq!(contexts, durations, "{exported}");
        contexts
    });
    assert_eq!(outcomes, [1, 2, 3, 4], "{exported}");
    assert_eq!(
        exported.count("http_context_exit_duration_seconds", &[]),
        10
    );
    exported.assert_sound();
}

#[tokio::test]
async fn a_nested_open_is_counted_by_the_policy_that_it_met() {
    let rig = Rig::new(Wire::Http1);
    for (policy, times) in [
        (NestedPolicy::PassThrough, 1),
        (NestedPolicy::Warn, 2),
        (NestedPolicy::Deny, 3),
        (NestedPolicy::Isolate, 4),
    ] {
        let outer = rig.context().lazy().nested(policy).open(async {
            for _ in 0..times {
                let nested = http_context::open(async { Ok::<_, OpenError>(()) });
                assert_eq!(nested.await.is_err(), policy == NestedPolicy::Deny);
            }
            Ok::<_, OpenError>(())
        });
        outer.await.unwrap();
    }
    let exported = rig.exported();
    let policies = ["pass_through", "warn", "deny", "isolate"]
        .map(|policy| exported.sum("http_context_nested_opens_total", &[("policy", policy)]));
    assert_eq!(policies, [1, 2, 3, 4], "{exported}");
}

#[tokio::test]
async fn a_session_is_counted_by_where_it_came_from() {
    let rig = Rig::new(Wire::Http1);
    let recreates = rig.context().open(async {
        for _ in 0..2 {
            http_session()?.close();
            http_session()?;
        }
        Ok::<_, BoxError>(())
    });
    recreates.await.unwrap();
    let pool = rig.pool().build();
    for _ in 0..4 {
        let pooled = rig.context().pool(pool.clone());
        pooled.open(async { Ok::<_, OpenError>(()) }).await.unwrap();
    }
    pool.close().await;
    let exported = rig.exported();
    let sources = ["created", "recreated", "pooled"]
        .map(|source| exported.sum("http_context_sessions_total", &[("source", source)]));
    // The pool made its first session as well.
    assert_eq!(sources, [2, 2, 3], "{exported}");
}

#[tokio::test]
async fn leaks_are_counted_by_kind_and_open_until_they_are_released() {
    let rig = Rig::new(Wire::Http1);
    let (exited, exit) = oneshot::channel::<()>();
    let context = rig.context().drain_timeout(Duration::from_millis(10));
    let work = context.open(async {
        let task = http_context::spawn(async {
            exit.await.unwrap();
            http_session().unwrap_err();
            http_session().unwrap_err();
        });
        let session = http_session()?;
        Ok::<_, OpenError>((task, [session.clone(), session.clone(), session]))
    });
    let (task, kept) = work.await.unwrap();
    let of = |name: &str, kind| rig.exported().sum(name, &[("kind", kind)]);
    let [total, open] = ["http_context_leaks_total", "http_context_leaks_open"];
    assert_eq!((of(open, "session_handle"), of(open, "task")), (3, 1));
    let mut left = 3;
    for handle in kept {
        drop(handle);
        left -= 1;
        assert_eq!(of(open, "session_handle"), left);
    }
    exited.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(of(open, "task"), 0);
    let totals = ["session_handle", "task", "use_after_exit"].map(|kind| of(total, kind));
    assert_eq!(totals, [3, 1, 2], "{}", rig.exported());
    // A use that was refused is over: there is nothing to let go of.
    assert_eq!(of(open, "use_after_exit"), 0, "{}", rig.exported());
}
