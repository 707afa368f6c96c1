//! A session that leaked, or saw a request aborted, is not handed on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http_context::testing::Recorder;
use http_context::{
    ConnectionUse, ContextBuilder, LeakKind, Observer, OpenError, PoolCheckout, PoolStatus,
    SessionPool, builder, http_session,
};
use http_context_tests::{FactLines as _, Server, sockets};

use crate::{BoxError, get, recorded};

/// The next context has a new connection, and the one before is gone.
async fn is_fresh(pooled: &ContextBuilder, server: &Server) {
    let next = pooled.clone().open(get(server, "/ok"));
    assert_eq!(next.await.unwrap(), ConnectionUse::New);
    assert_eq!(sockets::to(server.addr()).len(), 1);
}

#[tokio::test]
async fn a_session_whose_handle_was_kept_is_closed() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool.clone());
    let leaking = pooled.clone().open(async {
        get(&server, "/ok").await?;
        Ok::<_, BoxError>(http_session()?)
    });
    let (kept, report) = leaking.with_report().await;
    let report = report.unwrap();
    let kinds: Vec<_> = report.leaks.iter().map(|leak| leak.kind).collect();
    assert_eq!(
        kinds,
        [LeakKind::SessionHandle],
        "its socket is closed, and no leak"
    );
    assert_eq!(recorder.count("pool_session_closed leaked 0/0/0"), 1);
    is_fresh(&pooled, &server).await;
    drop(kept);
}

#[tokio::test]
async fn a_session_whose_request_was_aborted_is_closed() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool.clone()).drain_timeout(Duration::ZERO);
    let aborted = pooled
        .clone()
        .leaks(http_context::LeakPolicy::Off)
        .open(async {
            let request = tokio::spawn(http_session()?.get(server.url("/never")).send());
            server.wait_until(|counts| counts.held == 1).await;
            Ok::<_, BoxError>(request)
        });
    let request = aborted.await.unwrap();
    assert!(request.await.unwrap().unwrap_err().is_session_closed());
    assert_eq!(recorder.count("pool_session_closed aborted 0/0/0"), 1);
    is_fresh(&pooled, &server).await;
}

#[tokio::test]
async fn a_session_whose_context_was_dropped_is_closed() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool.clone());
    let mut dropped = Box::pin(pooled.clone().open(async {
        get(&server, "/ok").await?;
        http_session()?.get(server.url("/never")).send().await?;
        Ok::<_, BoxError>(())
    }));
    tokio::select! {
        biased;
        _ = server.wait_until(|counts| counts.held == 1) => {}
        _ = &mut dropped => unreachable!("the server never answers"),
    }
    drop(dropped);
    assert_eq!(recorder.count("pool_session_closed unverified 0/0/0"), 1);
    server.wait_until(|counts| counts.open() == 0).await;
    is_fresh(&pooled, &server).await;
}

#[tokio::test]
async fn a_session_whose_context_panicked_is_closed() {
    let (pool, recorder) = recorded(|pool| pool);
    let panics = builder().pool(pool.clone()).open(async {
        assert!(http_session().is_err(), "panics");
        Ok::<_, OpenError>(())
    });
    AssertUnwindSafe(panics).catch_unwind().await.unwrap_err();
    assert_eq!(recorder.count("pool_session_closed unverified 0/0/0"), 1);
    assert_eq!(pool.status().used, 0);
}

#[tokio::test]
async fn an_observer_that_panics_when_a_session_is_handed_on_keeps_nobody_from_it() {
    struct PanicsWhenWarm;
    impl Observer for PanicsWhenWarm {
        fn pool_checked_out(&self, _: &PoolStatus, checkout: &PoolCheckout) {
            assert!(!checkout.is_warm, "on purpose");
        }
    }
    let pool = SessionPool::builder()
        .observer(Arc::new(PanicsWhenWarm))
        .build();
    let recorder = Arc::new(Recorder::new());
    for nth in 1..=3 {
        let pooled = builder().pool(pool.clone()).observer(recorder.clone());
        let open = pooled.open(async { Ok::<_, OpenError>(http_session().is_ok()) });
        assert!(open.await.unwrap());
        assert_eq!((pool.status().used, pool.status().idle), (0, 1));
        assert_eq!(recorder.reports().len(), nth, "its context was closed");
    }
}

#[tokio::test]
async fn a_request_that_its_caller_dropped_spoils_nothing() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool.clone());
    let work = pooled.clone().open(async {
        tokio::select! {
            biased;
            _ = http_session()?.get(server.url("/never")).send() => unreachable!(),
            _ = server.wait_until(|counts| counts.held == 1) => {}
        }
        drop(http_session()?.get(server.url("/slow-body")).send().await?);
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
    assert_eq!(
        (recorder.count("pool_session_closed"), pool.status().idle),
        (0, 1)
    );
    // What the dropped ones had used is closed, also in the pool.
    server.wait_until(|counts| counts.open() == 0).await;
    is_fresh(&pooled, &server).await;
}
