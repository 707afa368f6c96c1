//! The session as a client, closed early and recreated.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{ConnectionUse, OpenError, SessionClosed, builder, http_session, open};
use http_context_tests::{FactLines as _, Server, edits_nothing};
use reqwest::Method;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn requests_are_made_as_with_reqwest() {
    let server = Server::start();
    open(async {
        let session = http_session()?;
        let echoed = session
            .post(server.url("/echo"))
            .body("hello")
            .send()
            .await?;
        assert_eq!(echoed.text().await?, "hello");
        let built = session
            .request(Method::PUT, server.url("/upload"))
            .header("x-test", "1")
            .body(vec![0; 1000])
            .build()?;
        assert_eq!(session.execute(built).await?.text().await?, "1000");
        for request in [
            session.get(server.url("/ok")),
            session.head(server.url("/ok")),
            session.patch(server.url("/ok")),
            session.delete(server.url("/ok")),
            session.put(server.url("/ok")),
        ] {
            assert_eq!(request.try_clone().unwrap().send().await?.status(), 200);
        }
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
    let methods: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| seen.method.to_string())
        .collect();
    assert_eq!(
        methods,
        ["POST", "PUT", "GET", "HEAD", "PATCH", "DELETE", "PUT"]
    );
    assert_eq!(server.counts().request_bytes, 1005);
}

#[tokio::test]
async fn a_response_keeps_what_it_had_when_its_body_is_tracked() {
    let server = Server::start();
    for context in [
        builder(),
        builder().read_timeout(Duration::from_mins(1)),
        // Those of a chain are tracked where anybody hears of them.
        builder()
            .observer(Arc::new(Recorder::new()))
            .with(edits_nothing()),
    ] {
        let work = context.open(async {
            let request = http_session()?.get(server.url("/bytes/4000?q=1"));
            let response = request.send().await?;
            assert_eq!(response.url().as_str(), server.url("/bytes/4000?q=1"));
            assert_eq!(response.content_length(), Some(4000));
            assert_eq!(response.remote_addr(), Some(server.addr()));
            assert_eq!(response.headers()["content-length"], "4000");
            assert_eq!(response.bytes().await?.len(), 4000);
            Ok::<_, BoxError>(())
        });
        work.await.unwrap();
    }
}

#[tokio::test]
async fn connections_are_reused_and_each_response_says_so() {
    let server = Server::start();
    let (result, report) = open(async {
        let mut uses = Vec::new();
        for _ in 0..3 {
            let response = http_session()?.get(server.url("/ok")).send().await?;
            uses.push(*response.extensions().get::<ConnectionUse>().unwrap());
            response.bytes().await?;
        }
        Ok::<_, BoxError>(uses)
    })
    .with_report()
    .await;
    assert_eq!(
        result.unwrap(),
        [
            ConnectionUse::New,
            ConnectionUse::Reused,
            ConnectionUse::Reused
        ]
    );
    let report = report.unwrap();
    assert_eq!((report.requests, report.connections_opened), (3, 1));
    assert_eq!((report.connections_reused, report.bytes_received), (2, 6));
    assert_eq!(server.counts().accepted, 1);
}

#[tokio::test]
async fn after_an_early_close_the_next_lookup_builds_a_fresh_session() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    builder()
        .observer(recorder.clone())
        .open(async {
            let closed = http_session()?;
            closed.get(server.url("/ok")).send().await?.bytes().await?;
            closed.close();
            closed.close();
            assert!(closed.is_closed());
            server.wait_until(|counts| counts.open() == 0).await;

            let fresh = http_session()?;
            assert_ne!(fresh, closed);
            assert_eq!(http_session()?, fresh, "and it stays the same one");
            fresh.get(server.url("/ok")).send().await?.bytes().await?;
            let stale = closed.get(server.url("/ok")).send().await.unwrap_err();
            assert!(stale.is_session_closed());
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(
        (
            recorder.count("session_opened created"),
            recorder.count("session_opened recreated")
        ),
        (1, 1)
    );
    assert_eq!(recorder.count("session_closed"), 2);
    assert_eq!(server.counts().requests, 2);
}

#[tokio::test]
async fn an_early_close_ends_requests_and_bodies_with_an_error_and_not_with_a_hang() {
    let server = Server::start();
    open(async {
        let session = http_session()?;
        let body = session.get(server.url("/slow-body")).send().await?;
        let request = session.get(server.url("/never")).send();
        let closing = async {
            server.wait_until(|counts| counts.held == 2).await;
            session.close();
        };
        let (error, ()) = tokio::join!(request, closing);
        assert!(error.unwrap_err().is_session_closed());
        let error = body.bytes().await.unwrap_err();
        assert_eq!(SessionClosed::find(&error).unwrap().session, session.id());
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn what_cannot_be_built_is_an_error_of_send() {
    open(async {
        let session = http_session().unwrap();
        let error = session.get("not a url").send().await.unwrap_err();
        assert!(error.as_reqwest().unwrap().is_builder());
        let error = session
            .get("http://host/")
            .header("bad\nname", "x")
            .send()
            .await;
        assert!(error.unwrap_err().as_reqwest().unwrap().is_builder());
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_error_does_not_show_the_secrets_of_its_url() {
    open(async {
        let url = "http://user:hunter2@127.0.0.1:1/p?sig=hunter2&page=3";
        let error = http_session().unwrap().get(url).send().await.unwrap_err();
        assert!(error.is_connect());
        let text = format!("{error} {error:?} {:?}", error.as_reqwest());
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("page=3"), "{text}");
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}
