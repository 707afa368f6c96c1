//! The observer for tests keeps every fact.

use std::sync::Arc;

use http_context::testing::{Fact, Recorder};
use http_context::{OpenError, builder, http_session, open};
use http_context_tests::{RefusedPort, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn it_keeps_every_fact_in_the_order_of_the_calls() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let refused = RefusedPort::new();
    builder()
        .observer(recorder.clone())
        .max_connections_per_host(1)
        .open(async {
            open(async { Ok::<_, OpenError>(()) }).await?;
            let session = http_session()?;
            let redirected = session.get(server.url("/redirect/1?sig=hunter2"));
            redirected.send().await?.bytes().await?;
            let mut cancelled = Box::pin(session.get(server.url("/never")).send());
            assert!(futures_util::poll!(&mut cancelled).is_pending());
            let mut queued = Box::pin(session.get(server.url("/ok")).send());
            assert!(futures_util::poll!(&mut queued).is_pending());
            drop(cancelled);
            queued.await?.bytes().await?;
            let failed = session.get(format!("http://localhost:{}/", refused.addr().port()));
            failed.send().await.unwrap_err();
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    let expected = [
        "context_opened",
        "session_opened",
        "nested_open",
        "request_started",
        "request_sending",
        "connect_started",
        "connection_opened",
        "request_redirected",
        "request_sending",
        "request_answered",
        "response_body_ended",
        "request_started",
        "request_sending",
        "request_started",
        "request_queued",
        "request_cancelled",
        "request_dequeued",
        "request_sending",
        "connect_started",
        "connection_opened",
        "request_answered",
        "response_body_ended",
        "request_started",
        "request_sending",
        "connect_started",
        "name_resolved",
        "connect_failed",
        "request_failed",
        "session_closed",
        "context_closed",
    ];
    assert_eq!(recorder.names(), expected);
    let facts = recorder.facts();
    assert_eq!(facts.iter().map(Fact::name).collect::<Vec<_>>(), expected);
    let texts = format!("{facts:?}");
    assert!(!texts.contains("hunter2"), "{texts}");
    let cause = recorder.all(|fact| match fact {
        Fact::RequestFailed { error, .. } => Some(error.contains("refused")),
        _ => None,
    });
    assert_eq!(cause, [true], "with the sources of an error: {texts}");
}
