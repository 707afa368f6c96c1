//! A handler streams on what it gets, and its context ends after the last byte.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full};
use http_context::testing::Recorder;
use http_context::{Outcome, SessionClosed, http_session};
use http_context_tests::Server;
use tower::{Layer as _, ServiceExt as _};

use crate::{Proxy, client, context, pieces, response};

#[tokio::test]
async fn a_response_that_is_streamed_on_arrives_whole_and_its_report_after_it() {
    let upstream = Server::start();
    let proxy = Proxy::to(&upstream).await;
    let mut response = client().get(proxy.url("/slow-body")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    // The handler has returned long ago.
    assert!(proxy.recorder.reports().is_empty());
    upstream.gate().open();
    assert_eq!(pieces(response).await.unwrap(), b"rest.");
    let report = proxy.report().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.outcome, Outcome::Completed);
    assert_eq!((report.requests, report.bytes_received), (1, 10));
    assert!(report.exit_duration.as_secs() < 1, "{report}");
    upstream.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn a_body_of_known_length_and_none_at_all_complete_their_contexts() {
    for (path, length) in [
        ("/bytes/100000", 100_000),
        ("/status/204", 0),
        ("/bytes/0", 0),
    ] {
        let upstream = Server::start();
        let proxy = Proxy::to(&upstream).await;
        let response = client().get(proxy.url(path)).send().await.unwrap();
        assert_eq!(pieces(response).await.unwrap().len(), length);
        let report = proxy.report().await;
        assert!(report.is_clean(), "{path} {report}");
        assert_eq!(report.outcome, Outcome::Completed, "{path}");
        assert_eq!(report.bytes_received, length as u64);
    }
}

#[tokio::test]
async fn an_upstream_that_fails_in_mid_stream_reaches_the_client_as_such() {
    let upstream = Server::start();
    let proxy = Proxy::to(&upstream).await;
    let response = client()
        .get(proxy.url("/cut-chunked/1000"))
        .send()
        .await
        .unwrap();
    assert!(pieces(response).await.is_err());
    let report = proxy.report().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.outcome, Outcome::Failed);
}

/// Each piece of a page is asked for when the one before has gone.
#[tokio::test]
async fn a_body_asks_for_the_session_while_it_is_polled() {
    let upstream = Server::start();
    let url = upstream.url("/bytes/10");
    let page = move || {
        let url = url.clone();
        let pieces = stream::unfold(0, move |nth| {
            let url = url.clone();
            async move {
                let session = http_session().unwrap();
                let piece = session
                    .get(&url)
                    .send()
                    .await
                    .unwrap()
                    .bytes()
                    .await
                    .unwrap();
                (nth < 5).then_some((Ok::<_, Infallible>(piece), nth + 1))
            }
        });
        async { Body::from_stream(pieces) }
    };
    let proxy = Proxy::serve(Router::new().route("/", get(page))).await;
    let response = client().get(proxy.url("/")).send().await.unwrap();
    assert_eq!(pieces(response).await.unwrap().len(), 50);
    let report = proxy.report().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.connections_opened), (6, 1));
    assert_eq!(upstream.counts().requests, 6);
}

#[tokio::test]
async fn what_a_handler_keeps_beyond_its_response_is_a_leak_and_revoked() {
    let upstream = Server::start();
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let handler = move || {
        keep.send(http_session().unwrap()).unwrap();
        async { response(http::StatusCode::OK) }
    };
    let proxy = Proxy::serve(Router::new().route("/", get(handler))).await;
    let response = client().get(proxy.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let session = kept.recv().await.unwrap();
    let report = proxy.report().await;
    assert_eq!(report.leaks.len(), 1, "{report}");
    let error = session.get(upstream.url("/ok")).send().await.unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error}");
}

/// As a server does that reads the whole body, and answers on a thread without a runtime.
#[test]
fn a_body_that_is_dropped_outside_of_its_runtime_completes_its_context() {
    for asks_others in [false, true] {
        let (upstream, recorder) = (Server::start(), Arc::new(Recorder::new()));
        let url = upstream.url("/ok");
        let handler = tower::service_fn(move |()| {
            let url = url.clone();
            async move {
                if asks_others {
                    let response = http_session().unwrap().get(url).send().await.unwrap();
                    response.bytes().await.unwrap();
                }
                let body = Full::new(Bytes::from_static(b"whole"));
                Ok::<_, Infallible>(http::Response::new(body))
            }
        });
        let layer = context().observer(recorder.clone()).http_layer();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (frame, body) = runtime.block_on(async {
            let mut body = layer.layer(handler).oneshot(()).await.unwrap().into_body();
            (body.frame().await.unwrap().unwrap(), body)
        });
        assert_eq!(frame.into_data().unwrap(), "whole");
        assert!(recorder.reports().is_empty());
        drop(body);
        let reports = recorder.reports();
        let [report] = &reports[..] else {
            panic!("{reports:?}")
        };
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.requests, u64::from(asks_others));
        runtime.block_on(upstream.wait_until(|counts| counts.open() == 0));
        assert_eq!(report.outcome, Outcome::Completed, "{asks_others}");
    }
}
