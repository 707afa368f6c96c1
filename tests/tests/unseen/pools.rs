//! The connections of a pooled session are taken for closed when that is closed.

use std::time::Duration;

use http_context::{CloseReason, OpenError, SessionPool, http_session};
use http_context_tests::Server;
use tokio::time::Instant;

use crate::rig::Wire;
use crate::unseen::{open_to, read, rig, run_a_thousand};

#[tokio::test]
async fn a_pool_that_closes_or_is_dropped_closes_the_connections_of_its_sessions() {
    for wire in Wire::ALL {
        for is_closed in [true, false] {
            let (rig, server) = (rig(wire), wire.server(Server::builder()));
            let pool = rig.pool().build();
            for _ in 0..3 {
                let work = rig.context().pool(pool.clone()).open(async {
                    read(server.url("/ok")).await;
                    Ok::<_, OpenError>(())
                });
                work.await.unwrap();
                assert_eq!(rig.exported().active_and_idle(), (0, 1));
            }
            if is_closed {
                let report = pool.close().await;
                assert!(report.is_clean(), "{report}");
                assert_eq!(report.connections, 1);
            }
            drop(pool);
            let exported = rig.exported();
            assert_eq!(
                exported.closed(CloseReason::Unknown),
                1,
                "{wire:?} {exported}"
            );
            assert_eq!(exported.open_connections(), 0);
            exported.assert_sound();
            assert_eq!(open_to(&server), 0);
        }
    }
}

#[tokio::test]
async fn a_pool_that_closes_closes_no_connection_of_another_one_and_none_at_its_time() {
    let (rig, server) = (rig(Wire::Http1), Server::start());
    let pools = [(); 2].map(|()| rig.pool().build());
    for pool in &pools {
        let work = rig.context().pool(pool.clone()).open(async {
            read(server.url("/ok")).await;
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    let [first, second] = pools;
    let closed = |pool: SessionPool| async move {
        let begun = Instant::now();
        pool.close().await;
        begun..=Instant::now()
    };
    let mut times = vec![closed(first).await];
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::Unknown), 1, "{exported}");
    assert_eq!(exported.active_and_idle(), (0, 1), "{exported}");
    times.push(closed(second).await);
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::Unknown), 2, "{exported}");
    exported.assert_sound();
    let mut closed = rig.instrumentation.ledger().recently_closed();
    closed.reverse();
    for (record, time) in closed.iter().zip(times) {
        assert!(
            time.contains(&record.closed.unwrap().0),
            "{record:?}, {time:?}"
        );
    }
}

#[tokio::test]
async fn a_session_that_a_pool_does_not_hand_on_closes_its_connections_there_and_then() {
    let (rig, server) = (rig(Wire::Http1), Server::start());
    let pool = rig.pool().build();
    let context = rig
        .context()
        .pool(pool.clone())
        .drain_timeout(Duration::ZERO);
    for round in 1..=3 {
        let work = context.clone().open(async {
            read(server.url("/ok")).await;
            let session = http_session().unwrap();
            let cut_off = http_context::spawn(session.get(server.url("/never")).send());
            server.wait_until(|counts| counts.held == 1).await;
            Ok::<_, OpenError>(cut_off)
        });
        work.await.unwrap().await.unwrap().unwrap_err();
        let exported = rig.exported();
        assert_eq!(exported.open_connections(), 0, "{exported}");
        assert_eq!(exported.closed(CloseReason::Unknown), round, "{exported}");
    }
    for round in 4..=6 {
        let work = context.clone().open(async {
            read(server.url("/ok")).await;
            http_session().unwrap().close();
            let exported = rig.exported();
            assert_eq!(exported.closed(CloseReason::Unknown), round, "{exported}");
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    assert_eq!(open_to(&server), 0);
    rig.exported().assert_sound();
    pool.close().await;
    rig.exported().assert_sound();
}

#[tokio::test]
async fn nothing_is_left_of_a_thousand_contexts_whose_sessions_are_not_handed_on() {
    let (rig, server) = (rig(Wire::Http1), Server::start());
    let lifetime = Duration::ZERO;
    let pool = rig.pool().max_lifetime(lifetime).build();
    let context = rig.context().pool(pool.clone());
    run_a_thousand(&context, &server).await;
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::Unknown), 1_000);
    exported.assert_sound();
    pool.close().await;
}
