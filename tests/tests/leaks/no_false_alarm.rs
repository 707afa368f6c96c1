//! A thousand clean exits of every shape, with leaks fatal.

use std::time::Duration;

use futures_util::future::try_join_all;
use http_context::{
    ContextBuilder, HttpVersions, JoinSet, LeakPolicy, SessionPool, Tls, builder, http_session,
};
use http_context_tests::{Server, sockets, tls};

use crate::support::BoxError;

/// The ways in which work comes and goes.
async fn shape(n: usize, server: &Server) -> Result<(), BoxError> {
    let get = async |path: &str| {
        http_session()?
            .get(server.url(path))
            .send()
            .await
            .map_err(BoxError::from)
    };
    match n % 10 {
        0 => {}
        1 => drop(get("/ok").await?.bytes().await?),
        2 => drop(get("/bytes/50000").await?),
        3 => {
            try_join_all(
                (0..8).map(|_| async { Ok::<_, BoxError>(get("/ok").await?.text().await?) }),
            )
            .await?;
        }
        4 => {
            let mut tasks = JoinSet::new();
            for _ in 0..4 {
                let url = server.url("/chunked/5/1000");
                tasks.spawn(async move {
                    Ok::<_, BoxError>(http_session()?.get(url).send().await?.bytes().await?)
                });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
        }
        5 => {
            // A child that is dropped with its set in mid-flight.
            let mut tasks = JoinSet::new();
            let url = server.url("/never");
            tasks.spawn(async move { http_session().unwrap().get(url).send().await.is_ok() });
            tokio::task::yield_now().await;
        }
        6 => {
            let request = get("/never");
            drop(tokio::time::timeout(Duration::from_millis(2), request).await);
        }
        7 => {
            http_session()?.close();
            get("/ok").await?.bytes().await?;
        }
        8 => {
            let url = server.url("/ok");
            http_context::spawn(async move {
                let _ = http_session().unwrap().get(url).send().await;
            });
            get("/close").await?.bytes().await?;
        }
        _ => {
            let client = http_session()?.client();
            client
                .post(server.url("/echo"))
                .body("x")
                .send()
                .await?
                .bytes()
                .await?;
            get("/status/204").await?;
        }
    }
    Ok(())
}

async fn thousand(context: ContextBuilder, server: &Server) {
    let context = context
        .leaks(LeakPolicy::Panic)
        .drain_timeout(Duration::from_secs(20));
    for round in 0..10 {
        let opens = (0..25).map(|n| context.clone().open(shape(n + round, server)));
        try_join_all(opens).await.unwrap();
    }
    server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(sockets::to(server.addr()).len(), 0);
}

fn trusting() -> ContextBuilder {
    builder().tls(Tls::Config(tls::client_config()))
}

#[tokio::test]
async fn over_http1_on_a_current_thread_runtime() {
    thousand(builder(), &Server::start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_http1_on_a_multi_thread_runtime() {
    thousand(builder(), &Server::start()).await;
}

#[tokio::test]
async fn over_http2() {
    let http2 = builder().http_versions(HttpVersions::Http2);
    thousand(http2, &Server::builder().http2().start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_pooled_sessions() {
    let server = Server::start();
    let pool = SessionPool::builder().max_size(8).build();
    let context = builder()
        .leaks(LeakPolicy::Panic)
        .drain_timeout(Duration::from_secs(20))
        .pool(pool.clone());
    for round in 0..10 {
        let opens = (0..25).map(|n| context.clone().open(shape(n + round, &server)));
        try_join_all(opens).await.unwrap();
    }
    let report = pool.close().await;
    assert!(report.is_clean(), "{report}");
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_tls() {
    thousand(trusting(), &Server::builder().tls().start()).await;
}
