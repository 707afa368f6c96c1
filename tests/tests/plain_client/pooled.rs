//! The plain client of a pooled session belongs to the context that asked for it, and to no other.

use std::sync::Arc;

use http_context::testing::{Fact, Recorder};
use http_context::{PoolCloseReason, SessionOptions, SessionPool, http_session};
use http_context_tests::{InvariantObserver, Server, sockets};
use reqwest::header::USER_AGENT;

use crate::{AT_ONCE, CLIENT_AND_CONNECTION, get, is_session_closed, kinds, run};

#[tokio::test]
async fn each_context_has_its_own_and_the_warm_session_is_handed_on() {
    let server = Server::start();
    let pool = SessionPool::builder().build();
    let invariants = Arc::new(InvariantObserver::new());
    let context = http_context::builder()
        .observer(invariants.clone())
        .pool(pool.clone());
    for nth in 1..=3 {
        let ((), report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            for _ in 0..2 {
                get(&client, server.url("/ok")).await?;
            }
            let response = session.get(server.url("/ok")).send().await?;
            response.bytes().await?;
            Ok(())
        })
        .await;
        assert!(report.is_clean(), "{report}");
        assert!(report.exit_duration < AT_ONCE, "{report:?}");
        assert_eq!((report.requests, report.plain_requests), (1, 2));
        // The first context opens that of the warm session as well.
        let opened = if nth == 1 { 2 } else { 1 };
        assert_eq!(report.connections_opened, opened);
        let counts = server.wait_until(|counts| counts.open() == 1).await;
        assert_eq!(
            counts.accepted,
            nth + 1,
            "one for each client, and the warm one"
        );
    }
    let report = pool.close().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.sessions_closed, report.connections), (1, 1));
    invariants.settled().await;
}

#[tokio::test]
async fn it_has_the_options_of_the_pool() {
    let server = Server::start();
    let options = SessionOptions::new().configure(|client| client.user_agent("sdk/1.0"));
    let pool = SessionPool::builder().session(options).build();
    let context = http_context::builder().pool(pool.clone());
    run(&context, async |session| {
        Ok(get(&session.reqwest_client()?, server.url("/ok")).await?)
    })
    .await;
    assert_eq!(server.seen()[0].headers[USER_AGENT], "sdk/1.0");
    assert!(pool.close().await.is_clean());
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn one_that_is_kept_is_told_in_its_own_context_and_its_session_is_not_handed_on() {
    let server = Server::start();
    let recorder = Arc::new(Recorder::new());
    let pool = SessionPool::builder().observer(recorder.clone()).build();
    let context = http_context::builder().pool(pool.clone());
    let (kept, report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        Ok(client)
    })
    .await;
    assert_eq!(kinds(&report), CLIENT_AND_CONNECTION, "{report}");
    assert_eq!(sockets::to(server.addr()), []);
    let closed = recorder.all(|fact| match fact {
        Fact::PoolSessionClosed(_, reason) => Some(*reason),
        _ => None,
    });
    assert_eq!(closed, [PoolCloseReason::Leaked]);
    let ((), next) = run(&context, async |session| {
        let refused = get(&kept, server.url("/ok")).await.unwrap_err();
        assert!(is_session_closed(&refused), "{refused:?}");
        get(&session.reqwest_client()?, server.url("/ok")).await?;
        Ok(())
    })
    .await;
    assert!(next.is_clean(), "the other one is none of its: {next}");
    assert!(pool.close().await.is_clean());
}

#[tokio::test]
async fn a_session_of_a_pool_that_is_closed_early_gives_no_client_and_the_next_does() {
    let pool = SessionPool::builder().max_size(1).build();
    let context = http_context::builder().pool(pool.clone());
    let ((), report) = run(&context, async |session| {
        session.close();
        session.reqwest_client().unwrap_err();
        // The next session of the same permit has its own.
        http_session()?.reqwest_client()?;
        Ok(())
    })
    .await;
    assert!(report.is_clean(), "{report}");
    pool.close().await;
}
