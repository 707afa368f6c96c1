//! Sessions as services of `tower`, for SDKs that were not written for them.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod requests;

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Request, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use http_context::testing::Recorder;
use http_context::{
    AmbientSession, ConnectionUse, LeakKind, LeakPolicy, RequestError, SessionClosed, SessionError,
    builder, current, http_session,
};
use http_context_tests::{Server, UpgradeServer};
use hyper_util::rt::TokioIo;
use reqwest_middleware::{Middleware, Next};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::{Service as _, ServiceExt as _};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Two pieces and a trailer. It is not `Sync`.
struct Pieces(Cell<u32>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let nth = self.0.replace(self.0.get() + 1);
        Poll::Ready(match nth {
            0 => Some(Ok(Frame::data(Bytes::from_static(b"one ")))),
            1 => Some(Ok(Frame::data(Bytes::from_static(b"two")))),
            2 => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-trailer", HeaderValue::from_static("after"));
                Some(Ok(Frame::trailers(trailers)))
            }
            _ => None,
        })
    }
}

/// Over HTTP/2 in clear, where trailers need no asking.
fn of_pieces(url: &str) -> Request<Pieces> {
    let request = Request::post(url).version(Version::HTTP_2);
    request.body(Pieces(Cell::new(0))).unwrap()
}

#[tokio::test]
async fn bodies_go_both_ways_with_their_trailers() {
    let server = Server::start();
    let work = builder().leaks(LeakPolicy::Count).open(async {
        let mut service = http_session()?;
        let request = of_pieces(&server.url("/echo"));
        let response = service.call(request).await?;
        assert_eq!(response.version(), Version::HTTP_2);
        let back = response.into_body().collect().await?;
        assert_eq!(back.trailers().unwrap()["x-trailer"], "after");
        assert_eq!(back.to_bytes(), "one two");
        drop(service);
        Ok::<_, BoxError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.bytes_sent, report.bytes_received), (7, 7));
    assert_eq!((report.requests, server.counts().requests), (1, 1));
}

#[tokio::test]
async fn http2_in_clear_goes_beside_http1_in_one_session() {
    let server = Server::start();
    let work = builder().open(async {
        let session = http_session()?;
        for _ in 0..2 {
            let one = session.get(server.url("/ok")).send().await?;
            assert_eq!(one.version(), Version::HTTP_11);
            let two = session
                .get(server.url("/ok"))
                .version(Version::HTTP_2)
                .send()
                .await?;
            assert_eq!(two.version(), Version::HTTP_2);
            drop((one.bytes().await?, two.bytes().await?));
        }
        Ok::<_, BoxError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert_eq!(
        (report.connections_opened, report.connections_reused),
        (2, 2)
    );
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!((counts.accepted, counts.requests), (2, 4));
}

#[tokio::test]
async fn a_request_without_a_body_has_none_and_one_of_known_length_says_it() {
    let server = Server::start();
    let work = builder().open(async {
        let mut service = http_session()?;
        let get = Request::get(server.url("/ok")).body(Empty::<Bytes>::new())?;
        let post = Request::post(server.url("/upload")).body(Full::new(Bytes::from("12345")))?;
        drop(service.call(get).await?);
        let counted = service.call(post).await?.into_body().collect().await?;
        assert_eq!(counted.to_bytes(), "5");
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].headers.get("transfer-encoding"), None);
    assert_eq!(seen[1].headers["content-length"], "5");
}

/// What a caller hands to the middleware, and what it gets back.
#[derive(Clone, Debug, PartialEq)]
struct Said(&'static str);

#[derive(Clone, Debug, PartialEq)]
struct Answered(&'static str);

struct Answers;

#[async_trait]
impl Middleware for Answers {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        assert_eq!(extensions.get::<Said>(), Some(&Said("hello")));
        let response = next.run(request, extensions).await;
        extensions.insert(Answered("bye"));
        response
    }
}

#[tokio::test]
async fn extensions_go_to_the_middleware_and_come_back() {
    let server = Server::start();
    let work = builder().with(Answers).open(async {
        let request = Request::get(server.url("/ok")).extension(Said("hello"));
        let request = request.body(reqwest::Body::default())?;
        let response = http_session()?.oneshot(request).await?;
        let extensions = response.extensions();
        assert_eq!(extensions.get::<Said>(), Some(&Said("hello")));
        assert_eq!(extensions.get::<Answered>(), Some(&Answered("bye")));
        assert_eq!(extensions.get::<ConnectionUse>(), Some(&ConnectionUse::New));
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn one_client_serves_the_session_of_each_job() {
    let (server, client) = (Server::start(), AmbientSession::new());
    let made_at = line!() - 1;
    for requests in [1, 3] {
        let work = builder().leaks(LeakPolicy::Count).open(async {
            let mut client = client.clone();
            for _ in 0..requests {
                let request = reqwest::Request::new(http::Method::GET, server.url("/ok").parse()?);
                client.call(request).await?.bytes().await?;
            }
            Ok::<_, BoxError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!((report.requests, report.connections_opened), (requests, 1));
    }
    // What is kept has the place of the client.
    let mut keeper = client.clone();
    let context = builder().leaks(LeakPolicy::Count);
    let context = context.drain_timeout(Duration::from_millis(20));
    let work = context.open(async {
        let request = Request::get(server.url("/bytes/100000")).body(Empty::<Bytes>::new())?;
        keeper.call(request).await
    });
    let (kept, report) = work.with_report().await;
    let (kept, report) = (kept.unwrap(), report.unwrap());
    assert_eq!(report.leaks[0].kind, LeakKind::ResponseBody, "{report}");
    assert_eq!(report.leaks[0].acquired_at.unwrap().line(), made_at);
    let error = kept.into_body().collect().await.unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
}

#[tokio::test]
async fn outside_of_a_context_it_says_so_unless_it_has_another_session() {
    let server = Server::start();
    let request = || {
        Request::get(server.url("/ok"))
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    let error = AmbientSession::new().call(request()).await.unwrap_err();
    let error = error.downcast_ref::<SessionError>();
    assert!(
        matches!(error, Some(SessionError::NoContext(_))),
        "{error:?}"
    );
    let work = builder().open(async {
        let mut client = AmbientSession::or(http_session()?);
        let call = client.call(request());
        // As an SDK does whose requests go out from a task of its own.
        let elsewhere = tokio::spawn(async move {
            assert!(current().is_none());
            let request = Request::get("http://unused/").body(Empty::<Bytes>::new());
            let session = client.session()?;
            drop(request?);
            Ok::<_, BoxError>(session.context().id())
        });
        assert_eq!(elsewhere.await??, current().unwrap().id());
        assert_eq!(call.await?.status(), 200);
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_handle_that_a_service_keeps_is_revoked_and_a_leak() {
    let server = Server::start();
    let recorder = Arc::new(Recorder::new());
    let context = builder()
        .leaks(LeakPolicy::Count)
        .observer(recorder.clone());
    let work = context.open(async { Ok::<_, BoxError>(http_session()?) });
    let (service, report) = work.with_report().await;
    let mut service = service.unwrap();
    assert_eq!(report.unwrap().leaks[0].kind, LeakKind::SessionHandle);
    let request = Request::get(server.url("/ok"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let error: RequestError = service.call(request).await.unwrap_err();
    assert!(error.is_session_closed(), "{error}");
    drop(service);
    assert_eq!(recorder.resolved().len(), 1);
    assert_eq!(server.counts().accepted, 0);
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_that_names_the_method() {
    let work = builder().open(async {
        let relative = Request::put("/no/host").body(Empty::<Bytes>::new())?;
        let error = http_session()?.call(relative).await.unwrap_err();
        assert_eq!(error.method(), Some(&http::Method::PUT));
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn what_hyper_upgrades_belongs_to_the_session() {
    let server = UpgradeServer::start();
    let context = builder().leaks(LeakPolicy::Count);
    let context = context.drain_timeout(Duration::from_millis(20));
    let work = context.open(async {
        let request = Request::get(server.url("/"))
            .header("connection", "upgrade")
            .header("upgrade", "echo");
        let request = request.body(Empty::<Bytes>::new())?;
        let response = http_session()?.call(request).await?;
        let mut io = TokioIo::new(hyper::upgrade::on(response).await?);
        io.write_all(b"hello").await?;
        let mut back = [0; 5];
        io.read_exact(&mut back).await?;
        assert_eq!(&back, b"hello");
        Ok::<_, BoxError>(io)
    });
    let (io, report) = work.with_report().await;
    let (mut io, report) = (io.unwrap(), report.unwrap());
    assert_eq!(
        report.leaks[0].kind,
        LeakKind::UpgradedConnection,
        "{report}"
    );
    let error = io.read(&mut [0; 8]).await.unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    server.wait_until(|counts| counts.open == 0).await;
}

/// Each side waits for the other's last piece.
#[tokio::test]
async fn a_request_goes_on_while_its_response_comes() {
    let server = Server::start();
    let work = builder().open(async {
        let (pieces, more) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
        let more = futures_util::stream::unfold(more, |mut more| async {
            let piece = more.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(piece)), more))
        });
        let request = Request::post(server.url("/echo")).version(Version::HTTP_2);
        let request = request.body(StreamBody::new(more))?;
        let mut body = http_session()?.call(request).await?.into_body();
        for nth in 0..5 {
            let piece = Bytes::from(format!("piece {nth}"));
            pieces.send(piece.clone())?;
            let back = body.frame().await.unwrap()?;
            assert_eq!(back.into_data().ok(), Some(piece));
        }
        drop(pieces);
        assert!(body.collect().await?.to_bytes().is_empty());
        Ok::<_, BoxError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.bytes_sent, report.bytes_received), (35, 35));
}
