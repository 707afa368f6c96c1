//! What becomes of a request that an SDK makes by a service: its body, and its place.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use http_context::testing::{Fact, Recorder};
use http_context::{AmbientSession, HttpVersions, LeakKind, builder, http_session, spawn};
use http_context_tests::Server;
use reqwest::Body;
use tokio::sync::oneshot;
use tower::{Service as _, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn a_body_of_known_length_has_its_size_once_it_was_sent() {
    for versions in [HttpVersions::Http1, HttpVersions::Http2] {
        let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
        builder()
            .observer(recorder.clone())
            .http_versions(versions)
            .open(async {
                let body = Full::new(Bytes::from_static(b"hello"));
                let request = Request::post(server.url("/upload")).body(body)?;
                let response = AmbientSession::new().oneshot(request).await?;
                assert_eq!(response.status(), StatusCode::OK);
                Ok::<_, BoxError>(())
            })
            .await
            .unwrap();
        let sizes = recorder.all(|fact| match fact {
            Fact::RequestAnswered { sent, .. } => Some(*sent),
            _ => None,
        });
        assert_eq!(sizes, [Some(5)]);
        let length = server.seen()[0].headers.get("content-length").cloned();
        assert_eq!(length.unwrap(), "5");
    }
}

#[tokio::test]
async fn a_body_in_memory_is_sent_again_where_a_redirect_asks_for_it() {
    let server = Server::builder().redirect("/a", 307, "/echo").start();
    builder()
        .open(async {
            let request = Request::post(server.url("/a")).body(Body::from("hello"))?;
            let response = http_session()?.oneshot(request).await?;
            let response = reqwest::Response::from(response);
            assert_eq!(response.text().await?, "hello");
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_place_of_an_ambient_request_after_the_exit_is_where_the_client_was_made() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let (line, mut client) = (line!(), AmbientSession::new());
    let (exited, exit) = oneshot::channel();
    let late = builder()
        .observer(recorder.clone())
        .drain_timeout(Duration::ZERO)
        .open(async {
            let request = Request::get(server.url("/ok")).body(Body::default())?;
            Ok::<_, BoxError>(spawn(async move {
                exit.await.unwrap();
                client.call(request).await
            }))
        })
        .await
        .unwrap();
    exited.send(()).unwrap();
    late.await.unwrap().unwrap_err();
    let mut leaks = recorder.leaks();
    leaks.retain(|leak| leak.kind == LeakKind::UseAfterExit);
    let places = leaks.iter().map(|leak| leak.acquired_at.unwrap());
    let places: Vec<_> = places.map(|place| (place.file(), place.line())).collect();
    assert_eq!(places, [(file!(), line)]);
}

#[tokio::test]
async fn a_session_is_a_service_of_requests_of_reqwest_and_their_place_is_its_own() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let work = builder().observer(recorder.clone()).open(async {
        let (line, mut session) = (line!(), http_session()?);
        let request = reqwest::Request::new(reqwest::Method::GET, server.url("/ok").parse()?);
        let service = ServiceExt::<reqwest::Request>::ready(&mut session).await?;
        let response = service.call(request).await?;
        assert_eq!(response.text().await?, "ok");
        Ok::<_, BoxError>(line)
    });
    let (line, report) = work.with_report().await;
    assert!(report.unwrap().is_clean());
    let places = recorder.all(|fact| match fact {
        Fact::RequestStarted { call_site, .. } => Some(call_site.line()),
        _ => None,
    });
    assert_eq!(places, [line.unwrap()]);
}
