//! At most so many requests to a host at once.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{RequestFailure, builder, current, http_session, open};
use http_context_tests::{FactLines as _, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn by_default_fifty_requests_to_a_host_are_under_way_and_the_others_wait() {
    let server = Server::start();
    open(async {
        let mut tasks = http_context::JoinSet::new();
        for _ in 0..60 {
            let request = http_session()?.get(server.url("/slow-head")).send();
            tasks.spawn(async move { Ok::<_, BoxError>(request.await?.bytes().await?) });
        }
        let counts = server.wait_until(|counts| counts.held == 50).await;
        assert_eq!((counts.accepted, counts.requests), (50, 50));
        assert_eq!(current().unwrap().requests_in_flight(), 60);
        server.gate().open();
        while let Some(response) = tasks.join_next().await {
            response??;
        }
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
    assert_eq!(server.counts().requests, 60);
    assert_eq!(server.counts().accepted, 50);
}

#[tokio::test]
async fn a_slot_is_held_until_the_body_ends() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    builder()
        .max_connections_per_host(1)
        .observer(recorder.clone())
        .open(async {
            let session = http_session()?;
            let body = session.get(server.url("/slow-body")).send().await?;
            let mut waits = Box::pin(session.get(server.url("/ok")).send());
            assert!(futures_util::poll!(&mut waits).is_pending());
            assert_eq!(
                (
                    recorder.count("request_queued"),
                    recorder.count("request_dequeued")
                ),
                (1, 0)
            );
            server.gate().open();
            body.bytes().await?;
            waits.await?.bytes().await?;
            assert_eq!(recorder.count("request_dequeued"), 1);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(server.counts().accepted, 1);
}

#[tokio::test]
async fn a_waiter_that_is_cancelled_takes_no_slot_with_it() {
    let server = Server::start();
    builder()
        .max_connections_per_host(1)
        .open(async {
            let session = http_session()?;
            let body = session.get(server.url("/slow-body")).send().await?;
            let mut gives_up = Box::pin(session.get(server.url("/ok")).send());
            let mut waits = Box::pin(session.get(server.url("/ok")).send());
            assert!(futures_util::poll!(&mut gives_up).is_pending());
            assert!(futures_util::poll!(&mut waits).is_pending());
            drop(gives_up);
            drop(body);
            waits.await?.bytes().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(
        server.counts().requests,
        2,
        "the one that gave up was never sent"
    );
}

#[tokio::test]
async fn other_hosts_do_not_wait() {
    let (one, two) = (Server::start(), Server::start());
    builder()
        .max_connections_per_host(1)
        .open(async {
            let session = http_session()?;
            let body = session.get(one.url("/slow-body")).send().await?;
            session.get(two.url("/ok")).send().await?.bytes().await?;
            drop(body);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_an_error_that_names_the_host_and_the_limit() {
    let server = Server::start();
    builder()
        .max_connections_per_host(2)
        .queue_timeout(Duration::from_millis(10))
        .open(async {
            let session = http_session()?;
            let slow = async || session.get(server.url("/slow-body")).send().await;
            let bodies = (slow().await?, slow().await?);
            let error = session.get(server.url("/ok")).send().await.unwrap_err();
            assert!(error.is_timeout());
            let RequestFailure::QueueTimeout(timeout) = error.failure() else {
                panic!("not {error:?}")
            };
            assert_eq!(
                (timeout.host.as_str(), timeout.limit),
                (server.addr().to_string().as_str(), 2)
            );
            assert!(timeout.waited >= Duration::from_millis(10));
            drop(bodies);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(server.counts().requests, 2);
}
