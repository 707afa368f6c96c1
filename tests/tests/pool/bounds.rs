//! At most so many contexts have a permit at once; the others wait.

use std::time::Duration;

use futures_util::poll;
use http_context::{OpenError, PoolError, SessionError, builder, http_session};
use http_context_tests::FactLines as _;
use tokio::sync::oneshot;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::recorded;

/// A context that is open until it is sent its end.
macro_rules! held {
    ($pool:expr) => {{
        let (end, ended) = oneshot::channel::<()>();
        let mut open = Box::pin(builder().pool($pool.clone()).open(async move {
            ended.await.unwrap();
            Ok::<_, OpenError>(())
        }));
        assert!(poll!(&mut open).is_pending());
        (open, end)
    }};
}

#[tokio::test]
async fn a_context_that_waits_gets_the_permit_that_is_given_back() {
    let (pool, recorder) = recorded(|pool| pool.max_size(1));
    let (first, end) = held!(pool);
    let mut waits = Box::pin(
        builder()
            .pool(pool.clone())
            .open(async { Ok::<_, OpenError>(http_session().is_ok()) }),
    );
    assert!(poll!(&mut waits).is_pending());
    assert_eq!((pool.status().used, pool.status().waiting), (1, 1));
    end.send(()).unwrap();
    first.await.unwrap();
    assert!(waits.await.unwrap());
    assert_eq!(recorder.count("pool_wait_started 1/0/1"), 1);
    assert_eq!(recorder.count("pool_checked_out warm 1/0/0"), 1);
    assert_eq!(recorder.count("pool_wait_abandoned"), 0);
    assert_eq!((pool.status().used, pool.status().waiting), (0, 0));
}

#[tokio::test]
async fn permits_go_to_those_who_wait_in_the_order_they_came() {
    let (pool, _) = recorded(|pool| pool.max_size(1));
    let (first, end) = held!(pool);
    let order = std::sync::Mutex::new(Vec::new());
    let wait = |n: usize| {
        let order = &order;
        builder().pool(pool.clone()).open(async move {
            order.lock().unwrap().push(n);
            Ok::<_, OpenError>(())
        })
    };
    let (mut one, mut two) = (Box::pin(wait(1)), Box::pin(wait(2)));
    assert!(poll!(&mut one).is_pending() && poll!(&mut two).is_pending());
    end.send(()).unwrap();
    first.await.unwrap();
    tokio::try_join!(two, one).unwrap();
    assert_eq!(*order.lock().unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_an_error_that_names_the_counts() {
    let wait = Duration::from_secs(3);
    let (pool, recorder) = recorded(|pool| pool.max_size(2).wait_timeout(wait));
    let (_one, _end) = held!(pool);
    let (_two, _end) = held!(pool);
    let late = builder().pool(pool.clone());
    let (mut other, _end) = {
        let open = builder().pool(pool.clone());
        let mut open = Box::pin(open.open(std::future::pending::<Result<(), OpenError>>()));
        assert!(poll!(&mut open).is_pending());
        (open, ())
    };
    tokio::time::advance(Duration::from_secs(1)).await;
    let (result, report) = late
        .open(async { Ok::<_, OpenError>(()) })
        .with_report()
        .await;
    assert!(report.is_none(), "its work was not started");
    let error = result.unwrap_err();
    let OpenError::Pool(PoolError::Exhausted(exhausted)) = &error else {
        panic!("not {error:?}")
    };
    assert_eq!((exhausted.max_size, exhausted.used), (2, 2));
    assert_eq!((exhausted.idle, exhausted.waited), (0, wait));
    let text = error.to_string();
    let expected = "no session of the pool came free within 3s: 2 of 2 are in use, 0 idle, and";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("raise `max_size` or `wait_timeout`"),
        "{text}"
    );
    assert!(poll!(&mut other).is_ready());
    assert_eq!(recorder.count("pool_timed_out"), 2);
    assert_eq!(recorder.count("pool_wait_abandoned"), 0);
    assert_eq!(pool.status().waiting, 0);
}

#[tokio::test]
async fn with_a_wait_of_zero_nobody_waits() {
    let (pool, recorder) = recorded(|pool| pool.max_size(1).wait_timeout(Duration::ZERO));
    let (_one, _end) = held!(pool);
    let refused = builder().pool(pool).open(async { Ok::<_, OpenError>(()) });
    assert!(matches!(refused.await, Err(OpenError::Pool(_))));
    assert_eq!(
        (
            recorder.count("pool_wait_started"),
            recorder.count("pool_timed_out")
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn a_job_that_waited_in_vain_starts_and_its_lookup_says_so() {
    let (pool, recorder) = recorded(|pool| pool.max_size(1).wait_timeout(Duration::ZERO));
    let (held, end) = held!(pool);
    let service = ServiceBuilder::new()
        .layer(builder().pool(pool.clone()).layer())
        .service(service_fn(async |end: Option<oneshot::Sender<()>>| {
            let refused = http_session().unwrap_err();
            if let Some(end) = end {
                let _ = end.send(());
                tokio::task::yield_now().await;
            }
            Ok::<_, OpenError>((refused, http_session().is_ok()))
        }));
    let (job, held) = tokio::join!(biased; service.oneshot(Some(end)), held);
    held.unwrap();
    let (refused, later) = job.unwrap();
    assert!(matches!(
        refused,
        SessionError::Pool(PoolError::Exhausted(_))
    ));
    assert!(later, "a place had come free");
    assert_eq!(recorder.count("pool_timed_out"), 2);
    assert_eq!(pool.status().used, 0);
}
