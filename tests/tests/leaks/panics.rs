//! Observers that panic.

use std::sync::Arc;
use std::time::Duration;

use http_context::{HttpSession, LeakKind, builder, current, http_session};
use http_context_tests::{InvariantObserver, Server};

use crate::support::{BoxError, recorded};

/// Some of each fact: requests that are answered, redirected, refused and cancelled, a nested
/// context, and a session that is kept.
async fn work(server: &Server) -> Result<HttpSession, BoxError> {
    let session = http_session()?;
    for path in ["/redirect/1", "/ok"] {
        session.get(server.url(path)).send().await?.bytes().await?;
    }
    let nested = builder().open(async {
        drop(http_session()?.get(server.url("/ok")).send().await?);
        Ok::<_, BoxError>(())
    });
    nested.await?;
    let refused = session.get("http://127.0.0.1:1/").send().await;
    assert!(refused.unwrap_err().is_connect());
    tokio::select! {
        biased;
        _ = session.get(server.url("/never")).send() => unreachable!(),
        _ = server.wait_until(|counts| counts.held == 1) => {}
    }
    Ok(session)
}

#[tokio::test]
async fn an_observer_that_panics_at_any_fact_changes_nothing_and_receives_the_others() {
    let server = Server::start();
    let mut nth = 1;
    loop {
        let invariants = Arc::new(InvariantObserver::panicking_at(nth));
        let context = builder().observer(invariants.clone());
        let open = context.drain_timeout(Duration::from_millis(20));
        drop(open.open(work(&server)).await.unwrap());
        let totals = invariants.settled().await;
        server.wait_until(|counts| counts.open() == 0).await;
        if invariants.facts() < nth {
            assert!(nth > 20, "{totals:?}");
            break;
        }
        nth += 1;
    }
}

#[tokio::test]
async fn an_observer_that_panics_at_an_overdue_context_keeps_no_other_from_its_report() {
    struct Panics(tokio::sync::Notify);
    impl http_context::Observer for Panics {
        fn leak(&self, _: &http_context::ContextInfo, _: &http_context::Leak) {
            self.0.notify_one();
            panic!("on purpose");
        }
    }
    let overdue =
        |context: http_context::ContextBuilder| context.overdue_after(Duration::from_millis(1));
    let panics = Arc::new(Panics(tokio::sync::Notify::new()));
    let open = overdue(builder().observer(panics.clone())).open(async {
        panics.0.notified().await;
        Ok::<_, BoxError>(())
    });
    open.await.unwrap();
    let (recorder, context) = recorded();
    let reported = overdue(context).open(async {
        let id = current().unwrap().id();
        recorder
            .wait_for(|fact| matches!(fact, http_context::testing::Fact::Leak(leak) if leak.context == id))
            .await;
        Ok::<_, BoxError>(())
    });
    reported.await.unwrap();
    assert_eq!(recorder.leaks()[0].kind, LeakKind::ContextOverdue);
}
