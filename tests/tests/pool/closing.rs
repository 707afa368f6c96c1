//! The end of a pool: refuse, drain, close, verify, report.

use std::time::Duration;

use futures_util::poll;
use http_context::{OpenError, PoolError, SessionError, builder, http_session};
use http_context_tests::{FactLines as _, SEES_SOCKETS, Server, sockets};
use tokio::sync::oneshot;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::{BoxError, get, recorded};

#[tokio::test]
async fn every_session_is_closed_and_its_sockets_are_verified() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool.clone());
    let both = async || {
        let one = pooled.clone().open(get(&server, "/slow-head"));
        let two = pooled.clone().open(get(&server, "/slow-head"));
        let opens = async {
            server.wait_until(|counts| counts.held == 2).await;
            server.gate().open();
            Ok(())
        };
        tokio::try_join!(one, two, opens)
    };
    both().await.unwrap();
    assert_eq!(sockets::to(server.addr()).len(), 2);
    let report = pool.close().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.sessions_closed, report.connections), (2, 2));
    assert_eq!(sockets::to(server.addr()).len(), 0);
    assert_eq!(recorder.count("pool_session_closed pool_closed"), 2);
    let text = report.to_string();
    assert!(
        text.starts_with("session pool closed: 2 sessions and 2 connections"),
        "{text}"
    );
    let again = pool.close().await;
    assert_eq!((again.sessions_closed, again.connections), (0, 0));
    assert_eq!(recorder.count("pool_closed 0/0/0"), 1);
    assert!(pool.status().is_closed);
}

#[tokio::test]
async fn a_pool_that_is_dropped_unclosed_reports_its_close() {
    let (pool, recorder) = recorded(|pool| pool);
    let work = builder().pool(pool.clone()).open(async {
        http_session()?;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert_eq!((pool.status().idle, pool.status().is_closed), (1, false));
    drop(pool);
    assert_eq!(recorder.last_line(), "pool_closed 0/0/0");
}

#[tokio::test]
async fn it_waits_for_contexts_that_have_a_permit_and_refuses_new_ones() {
    let (server, (pool, _)) = (Server::start(), recorded(|pool| pool));
    let (end, ended) = oneshot::channel::<()>();
    let mut open = Box::pin(builder().pool(pool.clone()).open(async {
        get(&server, "/ok").await?;
        ended.await?;
        get(&server, "/ok").await?;
        Ok::<_, BoxError>(())
    }));
    tokio::select! {
        biased;
        _ = &mut open => unreachable!("it waits"),
        _ = server.wait_until(|counts| counts.completed == 1) => {}
    }
    let mut closing = Box::pin(pool.close());
    assert!(poll!(&mut closing).is_pending());
    let late = builder()
        .pool(pool.clone())
        .open(async { Ok::<_, OpenError>(()) });
    let refused = late.await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Pool(PoolError::Closed)),
        "{refused}"
    );
    end.send(()).unwrap();
    let (result, report) = tokio::join!(open, closing);
    result.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.sessions_closed, report.connections), (1, 1));
    assert_eq!(sockets::to(server.addr()).len(), 0);
}

#[tokio::test]
async fn those_who_wait_get_an_error_when_it_closes() {
    let (pool, recorder) = recorded(|pool| pool.max_size(1));
    let hold = async || {
        let work = std::future::pending::<Result<(), OpenError>>();
        builder().pool(pool.clone()).open(work).await
    };
    let (mut holds, mut waits) = (Box::pin(hold()), Box::pin(hold()));
    assert!(poll!(&mut holds).is_pending() && poll!(&mut waits).is_pending());
    let mut closing = Box::pin(pool.close());
    assert!(poll!(&mut closing).is_pending());
    let refused = waits.await.unwrap_err();
    assert!(matches!(refused, OpenError::Pool(PoolError::Closed)));
    assert_eq!(recorder.count("pool_wait_abandoned"), 1);
    drop(holds);
    assert!(closing.await.is_clean());
}

#[tokio::test]
async fn those_who_come_too_late_get_an_error_and_did_not_wait() {
    for wait in [Duration::ZERO, Duration::from_mins(1)] {
        let (pool, recorder) = recorded(|pool| pool.wait_timeout(wait));
        assert!(pool.close().await.is_clean());
        let late = builder().pool(pool.clone());
        let refused = late.open(async { Ok::<_, OpenError>(()) });
        let error = refused.await.unwrap_err();
        assert!(
            matches!(error, OpenError::Pool(PoolError::Closed)),
            "{error}"
        );
        let job = ServiceBuilder::new()
            .layer(builder().pool(pool).layer())
            .service(service_fn(|()| async {
                Ok::<_, OpenError>(http_session())
            }));
        let error = job.oneshot(()).await.unwrap().unwrap_err();
        assert!(
            matches!(error, SessionError::Pool(PoolError::Closed)),
            "{error}"
        );
        assert_eq!(recorder.lines(), ["pool_closed 0/0/0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_that_does_not_end_is_reported_and_its_session_closed_when_it_does() {
    let drain = Duration::from_secs(7);
    let pool = http_context::SessionPool::builder()
        .drain_timeout(drain)
        .build();
    let work = std::future::pending::<Result<(), OpenError>>();
    let mut open = Box::pin(builder().pool(pool.clone()).open(work));
    assert!(poll!(&mut open).is_pending());
    let report = pool.close().await;
    assert_eq!(report.in_use, 1);
    assert!(!report.is_clean());
    drop(open);
    assert_eq!((pool.status().used, pool.status().idle), (0, 0));
}

#[tokio::test]
async fn a_close_that_is_dropped_can_be_called_again() {
    let (server, (pool, _)) = (Server::start(), recorded(|pool| pool));
    let work = builder().pool(pool.clone()).open(get(&server, "/ok"));
    work.await.unwrap();
    for polls in 0..3 {
        let mut closing = Box::pin(pool.close());
        for _ in 0..polls {
            if poll!(&mut closing).is_ready() {
                break;
            }
        }
    }
    let report = pool.close().await;
    assert!(report.is_clean(), "{report}");
    if !SEES_SOCKETS {
        // It had nobody to ask, and did not wait.
        sockets::wait_until(server.addr(), 0).await;
    }
    assert_eq!(sockets::to(server.addr()).len(), 0);
}
