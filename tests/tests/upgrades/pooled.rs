//! Upgraded connections of a pooled session end with their context, and never reach the next one.

use std::time::Duration;

use http_context::{LeakKind, LeakPolicy, OpenError, PoolCloseReason, SessionPool, builder};
use http_context_tests::UpgradeServer;
use tokio::io::AsyncReadExt as _;

use crate::support::{By, assert_closed, echo};

#[tokio::test]
async fn one_that_is_kept_ends_with_the_context_and_spoils_the_session() {
    for by in By::ALL {
        let server = UpgradeServer::start();
        let recorder = std::sync::Arc::new(http_context::testing::Recorder::new());
        let pool = SessionPool::builder().observer(recorder.clone()).build();
        let work = builder()
            .pool(pool.clone())
            .leaks(LeakPolicy::Count)
            .drain_timeout(Duration::from_millis(20))
            .open(async {
                let mut io = by.upgrade(&server.url("/")).await;
                echo(&mut io, b"hello").await;
                Ok::<_, OpenError>(io)
            });
        let (kept, report) = work.with_report().await;
        let (mut kept, report) = (kept.unwrap(), report.unwrap());
        assert_eq!(report.leaks[0].kind, LeakKind::UpgradedConnection, "{by:?}");
        server.wait_until(|counts| counts.open == 0).await;
        assert_closed(&kept.read(&mut [0; 8]).await.unwrap_err());
        let closed = recorder.all(|fact| match fact {
            http_context::testing::Fact::PoolSessionClosed(_, reason) => Some(*reason),
            _ => None,
        });
        assert_eq!(closed, [PoolCloseReason::Aborted]);
        pool.close().await;
    }
}

#[tokio::test]
async fn one_that_has_ended_leaves_the_session_to_the_next_context() {
    let (server, plain) = (UpgradeServer::start(), http_context_tests::Server::start());
    let pool = SessionPool::builder().build();
    for _ in 0..3 {
        let work = builder().pool(pool.clone()).open(async {
            echo(&mut By::Response.upgrade(&server.url("/")).await, b"hello").await;
            let response = http_context::http_session()?
                .get(plain.url("/ok"))
                .send()
                .await;
            response.unwrap().bytes().await.unwrap();
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{report}");
    }
    assert_eq!(plain.counts().accepted, 1, "it was reused");
    pool.close().await;
}
