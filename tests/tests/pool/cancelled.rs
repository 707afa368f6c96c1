//! Futures that are dropped at each of their awaits lose no permit.

use futures_util::poll;
use http_context::{OpenError, SessionPool, builder, http_session};
use http_context_tests::{FactLines as _, Server};

use crate::{BoxError, get, recorded};

/// The whole pool can still be checked out, and nothing more.
async fn all_permits_are_there(pool: &SessionPool) {
    let max = pool.status().max_size;
    let mut open = Vec::new();
    for _ in 0..max {
        let work = std::future::pending::<Result<(), OpenError>>();
        let mut context = Box::pin(builder().pool(pool.clone()).open(work));
        assert!(poll!(&mut context).is_pending());
        open.push(context);
    }
    let status = pool.status();
    assert_eq!((status.used, status.waiting), (max, 0));
    drop(open);
    assert_eq!(pool.status().used, 0);
}

#[tokio::test]
async fn a_context_that_gives_up_waiting_takes_no_permit_with_it() {
    let (pool, recorder) = recorded(|pool| pool.max_size(1));
    let pooled = builder().pool(pool.clone());
    let forever = || {
        pooled
            .clone()
            .open(std::future::pending::<Result<(), OpenError>>())
    };
    let mut holds = Box::pin(forever());
    assert!(poll!(&mut holds).is_pending());
    let (mut gives_up, mut waits) = (Box::pin(forever()), Box::pin(forever()));
    assert!(poll!(&mut gives_up).is_pending() && poll!(&mut waits).is_pending());
    assert_eq!(pool.status().waiting, 2);
    drop(gives_up);
    assert_eq!(
        (recorder.count("pool_wait_abandoned"), pool.status().waiting),
        (1, 1)
    );
    drop(holds);
    assert!(poll!(&mut waits).is_pending());
    assert_eq!((pool.status().used, pool.status().waiting), (1, 0));
    drop(waits);
    all_permits_are_there(&pool).await;
}

#[tokio::test]
async fn a_context_that_was_given_a_permit_and_is_dropped_before_it_is_polled_gives_it_back() {
    let (pool, _) = recorded(|pool| pool.max_size(1));
    let pooled = builder().pool(pool.clone());
    let forever = || {
        pooled
            .clone()
            .open(std::future::pending::<Result<(), OpenError>>())
    };
    let (mut holds, mut waits) = (Box::pin(forever()), Box::pin(forever()));
    assert!(poll!(&mut holds).is_pending() && poll!(&mut waits).is_pending());
    drop(holds);
    drop(waits);
    all_permits_are_there(&pool).await;
}

#[tokio::test]
async fn a_context_dropped_after_any_number_of_polls_loses_no_permit() {
    let server = Server::start();
    let (pool, recorder) = recorded(|pool| pool.max_size(2));
    let mut completed = 0;
    for polls in 0..60 {
        let mut job = Box::pin(builder().pool(pool.clone()).open(async {
            get(&server, "/ok").await?;
            tokio::task::yield_now().await;
            drop(
                http_session()?
                    .get(server.url("/chunked/3/1"))
                    .send()
                    .await?,
            );
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(())
        }));
        for _ in 0..polls {
            if poll!(&mut job).is_ready() {
                completed += 1;
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(job);
        let status = pool.status();
        assert_eq!((status.used, status.waiting), (0, 0), "after {polls} polls");
    }
    // Dropped and finished ones were both among them, or this would prove little.
    assert!(
        recorder.count("pool_session_closed unverified") > 0,
        "{completed} completed"
    );
    all_permits_are_there(&pool).await;
    let report = pool.close().await;
    assert!(report.is_clean(), "{report}");
    server.wait_until(|counts| counts.open() == 0).await;
}
