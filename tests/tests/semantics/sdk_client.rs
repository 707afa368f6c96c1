//! The client for SDKs that want one of `reqwest_middleware`.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{LeakKind, OpenError, SessionClosed, http_session, open};
use http_context_tests::{FactLines as _, Server};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::test]
async fn it_goes_through_the_session() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    http_context::builder()
        .observer(recorder.clone())
        .open(async {
            let session = http_session()?;
            session.get(server.url("/ok")).send().await?.bytes().await?;
            let client = session.client();
            client.get(server.url("/ok")).send().await?.bytes().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(server.counts().accepted, 1, "same pool");
    assert_eq!(recorder.count("request_started"), 2);
    assert_eq!(recorder.count("leak"), 0);
}

#[tokio::test]
async fn the_reqwest_client_inside_refuses_to_go_around_the_session() {
    let server = Server::start();
    open(async {
        let client = http_session().unwrap().client();
        let inner: &reqwest::Client = client.as_ref();
        let error = inner.get(server.url("/ok")).send().await.unwrap_err();
        assert!(error.is_connect());
        let says = |error: &dyn Error| error.to_string().contains("ClientWithMiddleware");
        let mut causes = successors(Some(&error as &dyn Error), |&error| error.source());
        assert!(causes.any(says), "{error:?}");
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
    assert_eq!(server.counts().accepted, 0);
}

#[tokio::test]
async fn kept_past_the_exit_it_is_refused_holds_no_socket_and_is_reported() {
    let server = Server::start();
    let mut line = 0;
    let (client, report) = open(async {
        let session = http_session()?;
        line = line!() + 1;
        let client = session.client();
        client.get(server.url("/ok")).send().await?.bytes().await?;
        Ok::<_, BoxError>(client.clone())
    })
    .with_report()
    .await;
    let leaks = report.unwrap().leaks;
    assert_eq!(leaks.len(), 1, "{leaks:?}");
    assert_eq!(
        (leaks[0].kind, leaks[0].acquired_at.unwrap().line()),
        (LeakKind::ClientClone, line)
    );
    server.wait_until(|counts| counts.open() == 0).await;
    let error = client
        .unwrap()
        .get(server.url("/ok"))
        .send()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is closed"), "{error}");
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    assert_eq!(server.counts().requests, 1);
}
