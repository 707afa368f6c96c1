//! Pools are told in numbers, and their connections live as long as the kernel says.

use std::time::Duration;

use futures_util::poll;
use http_context::{Observer as _, OpenError, SessionPool, http_session};
use http_context_tests::{Server, sockets};

use crate::rig::{Rig, Wire};

#[tokio::test]
async fn a_pool_is_told_from_its_first_session_to_its_close() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let pool = SessionPool::builder()
            .session(rig.context())
            .max_size(2)
            .wait_timeout(Duration::from_millis(10))
            .build();
        let jobs = rig.context().pool(pool.clone());
        let job = async || {
            let session = http_session().unwrap();
            let response = session.get(server.url("/ok")).send().await.unwrap();
            response.bytes().await.unwrap();
        };
        let gauge = |name: &str, state: &[(&str, &str)]| rig.exported().sum(name, state);
        for _ in 0..3 {
            let open = jobs.clone().open(async {
                job().await;
                let used = gauge("http_context_pool_sessions", &[("state", "used")]);
                assert_eq!(used, 1);
                Ok::<_, OpenError>(())
            });
            open.await.unwrap();
            let idle = gauge("http_context_pool_sessions", &[("state", "idle")]);
            assert_eq!(idle, 1, "{wire:?} {}", rig.exported());
        }
        assert_eq!(gauge("http_context_pool_max", &[]), 2);
        // The connection outlives the three sessions that used it.
        assert_eq!(rig.exported().open_connections(), 1);
        assert_eq!(sockets::established_to(server.addr()), 1);

        assert!(pool.close().await.is_clean());
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        let count = |name| exported.count(name, &[]);
        assert_eq!(
            count("http_context_pool_wait_time_seconds"),
            3,
            "{exported}"
        );
        assert_eq!(count("http_context_pool_use_time_seconds"), 3);
        assert_eq!(count("http_context_pool_create_time_seconds"), 1);
        let source = |source| exported.sum("http_context_sessions_total", &[("source", source)]);
        assert_eq!((source("created"), source("pooled")), (1, 2), "{exported}");
        let reason = [("reason", "session_closed")];
        let closed = exported.sum("http_context_connections_closed_total", &reason);
        assert_eq!(closed, 1, "{wire:?} {exported}");
        assert_eq!(
            exported.sum("http_context_pool_sessions", &[]),
            0,
            "{exported}"
        );
        exported.assert_sound();
    }
}

#[tokio::test]
async fn a_pool_that_is_exhausted_is_told() {
    let rig = Rig::new(Wire::Http1);
    let pool = SessionPool::builder()
        .session(rig.context())
        .max_size(1)
        .wait_timeout(Duration::from_millis(10))
        .build();
    let jobs = rig.context().pool(pool.clone());
    let holds = jobs.clone().open(async {
        // In a task of its own nothing is bound, and so it wants a place of its own.
        let refused = tokio::spawn(jobs.clone().open(async { Ok::<_, OpenError>(()) }));
        refused.await.unwrap().unwrap_err();
        Ok::<_, OpenError>(())
    });
    holds.await.unwrap();
    let exported = rig.exported();
    assert_eq!(
        exported.sum("http_context_pool_timeouts_total", &[]),
        1,
        "{exported}"
    );
    assert_eq!(exported.sum("http_context_pool_pending_requests", &[]), 0);
    pool.close().await;
}

#[tokio::test]
async fn those_who_wait_for_a_session_are_told_while_they_wait() {
    let rig = Rig::new(Wire::Http1);
    let pool = SessionPool::builder()
        .session(rig.context())
        .max_size(1)
        .build();
    let hold = || {
        let pending = std::future::pending::<Result<(), OpenError>>();
        Box::pin(rig.context().pool(pool.clone()).open(pending))
    };
    let mut contexts = [hold(), hold(), hold()];
    for (waiting, context) in contexts.iter_mut().enumerate() {
        assert!(poll!(context).is_pending());
        let pending = rig
            .exported()
            .sum("http_context_pool_pending_requests", &[]);
        assert_eq!(usize::try_from(pending).unwrap(), waiting);
    }
    drop(contexts);
    let exported = rig.exported();
    assert_eq!(exported.sum("http_context_pool_pending_requests", &[]), 0);
    pool.close().await;
}

#[tokio::test]
async fn what_a_slower_thread_tells_of_a_moment_before_changes_nothing() {
    let rig = Rig::new(Wire::Http1);
    let pool = SessionPool::builder().max_size(1).build();
    let max_and_used = || {
        let (exported, used) = (rig.exported(), [("state", "used")]);
        let used = exported.sum("http_context_pool_sessions", &used);
        (exported.sum("http_context_pool_max", &[]), used)
    };
    let open = http_context::builder()
        .pool(pool.clone())
        .open(async { Ok::<_, OpenError>(pool.status()) });
    let (instrumentation, used) = (&rig.instrumentation, open.await.unwrap());
    let returned = pool.status();
    assert_eq!((used.used, returned.used), (1, 0));
    pool.close().await;
    let closed = pool.status();

    instrumentation.pool_checked_out(&used, Duration::ZERO, false);
    assert_eq!(max_and_used(), (1, 1));
    instrumentation.pool_returned(&returned, Duration::ZERO);
    assert_eq!(max_and_used(), (1, 0));
    instrumentation.pool_session_created(&used, Duration::ZERO);
    assert_eq!(max_and_used(), (1, 0));
    instrumentation.pool_closed(&closed);
    assert_eq!(max_and_used(), (0, 0));
    instrumentation.pool_returned(&returned, Duration::ZERO);
    assert_eq!(max_and_used(), (0, 0));
}

#[tokio::test]
async fn a_pool_that_is_gone_counts_no_more() {
    let rig = Rig::new(Wire::Http1);
    let counts = || {
        let exported = rig.exported();
        ["max", "sessions", "pending_requests"]
            .map(|of| exported.sum(&format!("http_context_pool_{of}"), &[]))
    };
    let pool = || {
        let pool = SessionPool::builder().session(rig.context());
        pool.max_size(1).build()
    };
    let open = |pool: &SessionPool| {
        let work = async { Ok::<_, OpenError>(http_session()?) };
        rig.context().pool(pool.clone()).open(work)
    };
    let hold = |pool: &SessionPool| {
        let pending = std::future::pending::<Result<(), OpenError>>();
        Box::pin(rig.context().pool(pool.clone()).open(pending))
    };

    // Its only session was closed before: what it opened was left behind.
    let empty = pool();
    drop(open(&empty).await.unwrap());
    assert_eq!(counts(), [1, 0, 0]);
    empty.close().await;
    assert_eq!(counts(), [0, 0, 0], "it was empty");

    let used = pool();
    let (mut holds, mut waits) = (hold(&used), hold(&used));
    assert!(poll!(&mut holds).is_pending() && poll!(&mut waits).is_pending());
    assert_eq!(counts(), [1, 1, 1]);
    let mut closing = Box::pin(used.close());
    assert!(poll!(&mut closing).is_pending());
    waits.await.unwrap_err();
    drop(holds);
    closing.await;
    assert_eq!(counts(), [0, 0, 0], "it was in use");

    let dropped = pool();
    let idle = rig.context().pool(dropped.clone()).open(async {
        http_session()?;
        Ok::<_, OpenError>(())
    });
    idle.await.unwrap();
    assert_eq!(counts(), [1, 1, 0]);
    drop(dropped);
    assert_eq!(counts(), [0, 0, 0], "it was not closed");
}
