//! Sessions that are idle for too long, or too old.

use std::time::Duration;

use http_context::{OpenError, builder, http_session};
use http_context_tests::FactLines as _;

use crate::recorded;

async fn use_one(pooled: &http_context::ContextBuilder) {
    let work = async {
        http_session().unwrap();
        Ok::<_, OpenError>(())
    };
    pooled.clone().open(work).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_took_for_too_long_is_closed() {
    let (pool, recorder) = recorded(|pool| pool.idle_timeout(Duration::from_secs(10)));
    let pooled = builder().pool(pool.clone());
    use_one(&pooled).await;
    tokio::time::advance(Duration::from_secs(9)).await;
    use_one(&pooled).await;
    assert_eq!(recorder.count("pool_session_created"), 1);
    tokio::time::advance(Duration::from_secs(10)).await;
    use_one(&pooled).await;
    assert_eq!(recorder.count("pool_session_closed idle_timeout"), 1);
    assert_eq!(
        (recorder.count("pool_session_created"), pool.status().idle),
        (2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn those_behind_the_one_that_is_used_expire_as_well() {
    let (pool, recorder) = recorded(|pool| pool.idle_timeout(Duration::from_secs(10)));
    let pooled = builder().pool(pool.clone());
    // Both at once: the inner one takes a second permit.
    pooled
        .clone()
        .nested(http_context::NestedPolicy::Isolate)
        .open(async {
            use_one(&pooled).await;
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    assert_eq!(pool.status().idle, 2);
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(4)).await;
        use_one(&pooled).await;
    }
    assert_eq!(recorder.count("pool_session_closed idle_timeout"), 1);
    assert_eq!(
        (recorder.count("pool_session_created"), pool.status().idle),
        (2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_past_its_lifetime_is_closed_when_it_is_given_back() {
    let (pool, recorder) = recorded(|pool| pool.max_lifetime(Duration::from_mins(1)));
    let pooled = builder().pool(pool.clone());
    pooled
        .clone()
        .open(async {
            tokio::time::advance(Duration::from_secs(61)).await;
            assert!(http_session().is_ok(), "a context keeps it to its exit");
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    assert_eq!(recorder.count("pool_session_closed max_lifetime"), 1);
    assert_eq!(pool.status().idle, 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_past_its_lifetime_is_not_handed_out() {
    let (pool, recorder) = recorded(|pool| {
        let pool = pool.max_lifetime(Duration::from_mins(1));
        pool.idle_timeout(Duration::from_mins(10))
    });
    let pooled = builder().pool(pool.clone());
    use_one(&pooled).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    use_one(&pooled).await;
    assert_eq!(recorder.count("pool_session_closed max_lifetime"), 1);
    assert_eq!(recorder.count("pool_session_created"), 2);
}
