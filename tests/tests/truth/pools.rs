//! Pools are exported as numbers, and their connections live as long as the kernel says.

use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use http_context::testing::{Fact, Recorder};
use http_context::{ContextBuilder, Observer as _, OpenError, SessionPool, http_session};
use http_context_tests::{BY_ITS_SESSION, Server, sockets};

use crate::rig::{Rig, Wire};

/// What the gauges show of all pools together.
#[derive(Debug, Default, PartialEq)]
struct PoolGauges {
    max: i64,
    used: i64,
    idle: i64,
    waiting: i64,
}

impl PoolGauges {
    fn of(rig: &Rig) -> Self {
        let exported = rig.exported();
        let sessions = |state| exported.sum("http_context_pool_sessions", &[("state", state)]);
        Self {
            max: exported.sum("http_context_pool_max", &[]),
            used: sessions("used"),
            idle: sessions("idle"),
            waiting: exported.sum("http_context_pool_pending_requests", &[]),
        }
    }
}

/// A pool, and contexts that take its permits.
fn pool_of(rig: &Rig, max_size: usize) -> (SessionPool, ContextBuilder) {
    let pool = rig.pool().max_size(max_size).build();
    let jobs = rig.context().pool(pool.clone());
    (pool, jobs)
}

async fn read(server: &Server) -> Result<(), OpenError> {
    let session = http_session().unwrap();
    let response = session.get(server.url("/ok")).send().await.unwrap();
    response.bytes().await.unwrap();
    Ok(())
}

async fn hold() -> Result<(), OpenError> {
    std::future::pending().await
}

#[tokio::test]
async fn a_pool_is_exported_from_its_first_session_to_its_close() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let pool = rig
            .pool()
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
        let closed = exported.closed_here(wire, BY_ITS_SESSION);
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
async fn a_session_that_the_pool_closes_is_in_no_gauge() {
    let (rig, server) = (Rig::new(Wire::Http1), Wire::Http1.server(Server::builder()));
    let (pool, jobs) = pool_of(&rig, 2);
    let keeps = jobs.leaks(http_context::LeakPolicy::Count).open(async {
        read(&server).await?;
        Ok::<_, OpenError>(http_session().unwrap())
    });
    let kept = keeps.await.unwrap();
    let expected = PoolGauges {
        max: 2,
        ..PoolGauges::default()
    };
    assert_eq!(PoolGauges::of(&rig), expected);
    drop(kept);
    pool.close().await;
    assert_eq!(PoolGauges::of(&rig), PoolGauges::default());
}

#[tokio::test]
async fn a_pool_that_is_exhausted_is_exported() {
    let rig = Rig::new(Wire::Http1);
    let pool = rig
        .pool()
        .max_size(1)
        .wait_timeout(Duration::from_millis(10))
        .build();
    let jobs = rig.context().pool(pool.clone());
    let holds = jobs.clone().open(async {
        // In a task of its own nothing is bound, and so it wants a permit of its own.
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
async fn a_context_that_waits_is_shown_until_it_has_a_permit_or_leaves() {
    let rig = Rig::new(Wire::Http1);
    let (_pool, jobs) = pool_of(&rig, 1);
    let shows = |used, waiting| {
        let expected = PoolGauges {
            max: 1,
            used,
            waiting,
            ..PoolGauges::default()
        };
        assert_eq!(PoolGauges::of(&rig), expected);
    };
    let holds = || Box::pin(jobs.clone().open(hold()));
    let (mut first, mut second, mut third) = (holds(), holds(), holds());
    assert!(poll!(&mut first).is_pending());
    shows(1, 0);
    assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
    shows(1, 2);
    drop(third);
    shows(1, 1);
    drop(first);
    assert!(poll!(&mut second).is_pending());
    shows(1, 0);
}

/// An empty pool that counts, of this size.
fn empty(max: i64) -> PoolGauges {
    PoolGauges {
        max,
        ..PoolGauges::default()
    }
}

/// A pool for two, both of which it keeps warm.
fn two_idle() -> PoolGauges {
    PoolGauges {
        idle: 2,
        ..empty(2)
    }
}

/// Two contexts at once, each with a session of its own.
async fn use_two(jobs: &ContextBuilder) {
    let server = Server::start();
    let job = || jobs.clone().open(read(&server));
    let (one, two) = tokio::join!(job(), job());
    one.and(two).unwrap();
}

#[tokio::test]
async fn a_closed_pool_counts_while_a_context_has_a_permit_of_it() {
    let rig = Rig::new(Wire::Http1);
    let (pool, jobs) = pool_of(&rig, 3);
    let mut holds = Box::pin(jobs.clone().open(hold()));
    assert!(poll!(&mut holds).is_pending());
    use_two(&jobs).await;
    let mut closing = Box::pin(pool.close());
    assert!(poll!(&mut closing).is_pending());
    assert_eq!(
        PoolGauges::of(&rig),
        PoolGauges {
            used: 1,
            ..empty(3)
        }
    );
    drop(holds);
    assert_eq!(PoolGauges::of(&rig), empty(0));
    assert!(closing.await.is_clean());
}

#[tokio::test]
async fn a_closed_pool_counts_while_one_that_waits_has_not_heard_of_it() {
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    let (pool, jobs) = pool_of(&rig, 1);
    let mut waits = Box::pin(jobs.clone().open(hold()));
    let job = jobs.open(async {
        let session = http_session().unwrap();
        let response = session.get(server.url("/slow-head")).send().await.unwrap();
        response.bytes().await.unwrap();
        Ok::<_, OpenError>(())
    });
    let wait = async {
        server.wait_until(|counts| counts.held == 1).await;
        assert!(poll!(&mut waits).is_pending());
        server.gate().open();
    };
    let (job, ()) = tokio::join!(job, wait);
    job.unwrap();
    pool.close().await;
    let waiting = PoolGauges {
        waiting: 1,
        ..empty(1)
    };
    assert_eq!(PoolGauges::of(&rig), waiting);
    waits.await.unwrap_err();
    assert_eq!(PoolGauges::of(&rig), empty(0));
}

#[tokio::test]
async fn a_pool_counts_no_more_when_it_is_closed_with_sessions_or_with_none() {
    let rig = Rig::new(Wire::Http1);
    let (pool, jobs) = pool_of(&rig, 2);
    use_two(&jobs).await;
    assert_eq!(PoolGauges::of(&rig), two_idle());
    pool.close().await;
    assert_eq!(PoolGauges::of(&rig), empty(0));

    let (pool, jobs) = pool_of(&rig, 1);
    let spoil = async {
        http_session().unwrap().close();
        Ok::<_, OpenError>(())
    };
    jobs.open(spoil).await.unwrap();
    assert_eq!(
        PoolGauges::of(&rig),
        empty(1),
        "its session is not handed on"
    );
    pool.close().await;
    assert_eq!(PoolGauges::of(&rig), empty(0));
}

#[tokio::test]
async fn a_pool_that_is_dropped_counts_no_more() {
    let rig = Rig::new(Wire::Http1);
    let (pool, jobs) = pool_of(&rig, 2);
    use_two(&jobs).await;
    assert_eq!(PoolGauges::of(&rig), two_idle());
    drop((pool, jobs));
    assert_eq!(PoolGauges::of(&rig), empty(0));
}

#[tokio::test]
async fn what_a_slower_thread_reports_of_a_moment_before_changes_nothing() {
    let (rig, recorder) = (Rig::new(Wire::Http1), Arc::new(Recorder::new()));
    let pool = SessionPool::builder()
        .observer(recorder.clone())
        .max_size(1)
        .build();
    let open = http_context::builder()
        .pool(pool.clone())
        .open(async { Ok::<_, OpenError>(()) });
    open.await.unwrap();
    pool.close().await;
    let facts = recorder.facts();
    let [
        Fact::PoolCheckedOut(used, checkout),
        Fact::PoolSessionCreated(_, created),
        Fact::PoolReturned(returned, permit),
        Fact::PoolSessionClosed(..),
        Fact::PoolClosed(closed),
    ] = &facts[..]
    else {
        panic!("{:?}", recorder.names())
    };
    assert_eq!((used.used, returned.used), (1, 0));

    let instrumentation = &rig.instrumentation;
    let shows = |max, used, idle| {
        let expected = PoolGauges {
            used,
            idle,
            ..empty(max)
        };
        assert_eq!(PoolGauges::of(&rig), expected);
    };
    instrumentation.pool_checked_out(used, checkout);
    shows(1, 1, 0);
    instrumentation.pool_returned(returned, permit);
    shows(1, 0, 1);
    instrumentation.pool_session_created(used, created);
    shows(1, 0, 1);
    instrumentation.pool_closed(closed);
    shows(0, 0, 0);
    instrumentation.pool_returned(returned, permit);
    shows(0, 0, 0);
}
