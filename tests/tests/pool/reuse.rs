//! The next context gets the session of the one before, connections and all.

use std::sync::Arc;

use http_context::testing::Fact;
use http_context::{
    ConnectionUse, OpenError, SessionOptions, SessionPool, SessionSource, builder, current,
    http_session,
};
use http_context_tests::{Edit, FactLines as _, Server, sockets};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::{BoxError, get, recorded};

#[tokio::test]
async fn the_next_context_uses_the_connection_of_the_one_before() {
    let (server, pool) = (Server::start(), SessionPool::builder().build());
    for expected in [
        ConnectionUse::New,
        ConnectionUse::Reused,
        ConnectionUse::Reused,
    ] {
        let pooled = builder().pool(pool.clone());
        let (used, report) = pooled.open(get(&server, "/ok")).with_report().await;
        assert_eq!(used.unwrap(), expected);
        let report = report.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(
            report.connections_opened,
            u64::from(expected == ConnectionUse::New)
        );
    }
    assert_eq!(server.counts().accepted, 1);
    assert_eq!(server.counts().requests, 3);
    assert_eq!(sockets::to(server.addr()).len(), 1, "it stays in the pool");
}

#[tokio::test]
async fn a_context_says_whether_its_session_is_of_a_pool() {
    let pool = SessionPool::builder().build();
    for (context, is_pooled) in [(builder(), false), (builder().pool(pool), true)] {
        let work =
            context.open(async { Ok::<_, OpenError>(current().unwrap().info().is_pooled()) });
        assert_eq!(work.await.unwrap(), is_pooled);
    }
}

#[tokio::test]
async fn tls_handshakes_are_made_once() {
    let server = Server::builder().tls().http1().start();
    let session = SessionOptions::new()
        .tls(http_context::Tls::ClientBuilder)
        .configure(http_context_tests::tls::trusting);
    let pool = SessionPool::builder().session(session).build();
    for _ in 0..5 {
        let pooled = builder().pool(pool.clone());
        pooled.open(get(&server, "/ok")).await.unwrap();
    }
    assert_eq!(server.counts().accepted, 1);
}

#[tokio::test]
async fn each_context_has_handles_of_its_own_which_end_with_it() {
    let (server, pool) = (Server::start(), SessionPool::builder().build());
    let pooled = builder().pool(pool).leaks(http_context::LeakPolicy::Off);
    let kept = pooled
        .clone()
        .open(async { Ok::<_, BoxError>(http_session()?) });
    let kept = kept.await.unwrap();
    pooled
        .open(async {
            assert_ne!(http_session()?, kept);
            let stale = kept.get(server.url("/ok")).send().await.unwrap_err();
            assert!(stale.is_session_closed());
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(server.counts().requests, 0);
}

#[tokio::test]
async fn the_facts_say_where_a_session_came_from_and_count_the_permits() {
    let (pool, recorder) = recorded(|pool| pool.max_size(3));
    let pooled = builder().pool(pool).observer(recorder.clone());
    for _ in 0..2 {
        let work = async {
            http_session().unwrap();
            Ok::<_, OpenError>(())
        };
        pooled.clone().open(work).await.unwrap();
    }
    let expected = [
        "pool_checked_out 1/0/0",
        "pool_session_created 1/0/0",
        "session_opened created",
        "pool_returned 0/1/0",
        "pool_checked_out warm 1/0/0",
        "session_opened pooled",
        "pool_returned 0/1/0",
    ];
    let mut lines = recorder.lines();
    lines.retain(|line| line.starts_with("pool") || line.starts_with("session_opened"));
    assert_eq!(lines, expected);
    assert_eq!(SessionSource::Pooled.as_str(), "pooled");
}

#[tokio::test]
async fn a_lazy_context_that_makes_no_request_builds_nothing_and_keeps_what_is_warm() {
    let (pool, recorder) = recorded(|pool| pool);
    let lazy = builder().pool(pool.clone()).lazy();
    let idle = || lazy.clone().open(async { Ok::<_, OpenError>(()) });
    idle().await.unwrap();
    assert_eq!(recorder.count("pool_session_created"), 0);
    assert_eq!(pool.status().idle, 0);
    let work = async {
        http_session().unwrap();
        Ok::<_, OpenError>(())
    };
    lazy.clone().open(work).await.unwrap();
    idle().await.unwrap();
    assert_eq!(
        (recorder.count("pool_session_created"), pool.status().idle),
        (1, 1)
    );
}

#[tokio::test]
async fn a_session_that_was_closed_early_is_built_again_for_the_same_permit() {
    let (pool, recorder) = recorded(|pool| pool.max_size(1));
    let server = Server::start();
    let pooled = builder().pool(pool.clone()).observer(recorder.clone());
    pooled
        .open(async {
            get(&server, "/ok").await?;
            http_session()?.close();
            server.wait_until(|counts| counts.open() == 0).await;
            assert_eq!(get(&server, "/ok").await?, ConnectionUse::New);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(recorder.count("pool_session_closed closed_early"), 1);
    assert_eq!(recorder.count("session_opened recreated"), 1);
    assert_eq!(pool.status().idle, 1, "the second one is kept");
}

#[tokio::test]
async fn calls_through_the_layer_share_sessions() {
    let (server, pool) = (Server::start(), SessionPool::builder().build());
    let service = ServiceBuilder::new()
        .layer(builder().pool(pool).layer())
        .service(service_fn(async |server| get(server, "/ok").await));
    for _ in 0..3 {
        service.clone().oneshot(&server).await.unwrap();
    }
    assert_eq!(server.counts().accepted, 1);
}

#[tokio::test]
async fn what_a_session_is_built_from_comes_from_the_pool() {
    let server = Server::start();
    let session = SessionOptions::new().configure(|client| client.user_agent("pooled"));
    let pool = SessionPool::builder().session(session).build();
    let pooled = builder().pool(pool.clone());
    pooled.open(get(&server, "/ok")).await.unwrap();
    assert_eq!(server.seen()[0].headers["user-agent"], "pooled");

    // Whatever was set on the context before.
    let before = builder().configure(|client| client.user_agent("its own"));
    let used = before.pool(pool).open(get(&server, "/ok")).await;
    assert_eq!(used.unwrap(), ConnectionUse::Reused);
    assert_eq!(server.seen()[1].headers["user-agent"], "pooled");
}

#[tokio::test]
async fn the_middleware_of_the_pools_observer_stands_in_its_sessions() {
    struct Marks;
    impl http_context::Observer for Marks {
        fn middleware(&self) -> Option<Arc<dyn reqwest_middleware::Middleware>> {
            let mark = |request: &mut reqwest::Request, _: &http::Extensions| {
                let one = http::HeaderValue::from_static("1");
                request.headers_mut().insert("x-marked", one);
            };
            Some(Arc::new(Edit(mark)))
        }
    }
    let server = Server::start();
    let pool = SessionPool::builder().observer(Arc::new(Marks)).build();
    let pooled = builder().pool(pool).open(get(&server, "/ok"));
    pooled.await.unwrap();
    assert_eq!(server.seen()[0].headers["x-marked"], "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_contexts_never_have_the_same_session_at_once() {
    let server = Server::start();
    let (pool, recorder) = recorded(|pool| pool.max_size(4));
    let mut jobs = tokio::task::JoinSet::new();
    let server = Arc::new(server);
    for _ in 0..200 {
        let (pooled, server) = (builder().pool(pool.clone()), server.clone());
        jobs.spawn(pooled.open(async move {
            let id = current().unwrap().id();
            // One connection for each session: a second one would show that two share it.
            get(&server, "/ok").await?;
            tokio::task::yield_now().await;
            get(&server, "/ok").await?;
            Ok::<_, BoxError>(id)
        }));
    }
    while let Some(job) = jobs.join_next().await {
        job.unwrap().unwrap();
    }
    assert!(server.counts().accepted <= 4, "{:?}", server.counts());
    let used = recorder.all(|fact| match fact {
        Fact::PoolCheckedOut(pool, _) => Some(pool.used),
        _ => None,
    });
    assert_eq!(used.len(), 200);
    assert!(used.iter().all(|used| *used <= 4), "{used:?}");
    assert_eq!(pool.status().used, 0);
    assert_eq!(server.counts().requests, 400);
}
