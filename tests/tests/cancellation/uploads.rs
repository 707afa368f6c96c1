//! The body of a request that is still sent when its response is given up: over HTTP/2 the stream goes
//! on without it, unless it is reset.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::Version;
use http_body_util::BodyExt as _;
use http_context::{Outcome, builder, http_session};
use http_context_tests::Server;
use reqwest::{Body, Response};
use tokio::sync::mpsc;

use crate::frame::{CANCEL, DATA, END_STREAM, HEADERS};
use crate::{BoxError, frames};

type Pieces = mpsc::Sender<Bytes>;

/// Sends what comes by a channel for as long as it is there, to a server that sends it back. The first
/// piece has come back.
async fn conversation(server: &Server) -> Result<(Pieces, Response), BoxError> {
    let (pieces, more) = mpsc::channel(1);
    let request = http_session()?.post(server.url("/echo"));
    let request = request.version(Version::HTTP_2).body(body(more));
    pieces.send(Bytes::from_static(b"one")).await?;
    let mut response = request.send().await?;
    assert_eq!(response.chunk().await?.unwrap(), "one");
    Ok((pieces, response))
}

fn body(pieces: mpsc::Receiver<Bytes>) -> Body {
    Body::wrap_stream(received(pieces).map(Ok::<_, BoxError>))
}

fn received(pieces: mpsc::Receiver<Bytes>) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(pieces, async |mut pieces| {
        Some((pieces.recv().await?, pieces))
    })
}

/// The source of the body is dropped, and the server knows that nothing more comes.
async fn has_ended(server: &Server, pieces: &Pieces) {
    pieces.closed().await;
    let counts = server.wait_until(|counts| counts.in_flight() == 0).await;
    assert_eq!((counts.requests, counts.aborted), (1, 1), "{counts:?}");
    assert_eq!(counts.request_bytes, 3);
}

#[tokio::test]
async fn a_response_that_is_dropped_ends_it_and_the_connection_is_used_again() {
    let server = Server::start();
    let work = async {
        let (pieces, response) = conversation(&server).await?;
        drop(response);
        has_ended(&server, &pieces).await;
        let next = http_session()?.get(server.url("/ok"));
        next.version(Version::HTTP_2).send().await?.bytes().await?;
        Ok::<_, BoxError>(())
    };
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.connections_opened), (2, 1));
    assert_eq!(report.bytes_sent, 3);
}

#[tokio::test]
async fn a_session_that_closes_ends_it() {
    let server = Server::start();
    let work = async {
        let (pieces, mut response) = conversation(&server).await?;
        http_session()?.close();
        assert!(response.chunk().await.is_err());
        has_ended(&server, &pieces).await;
        Ok::<_, BoxError>(())
    };
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    assert!(report.unwrap().is_clean());
    server.wait_until(|counts| counts.open() == 0).await;
}

/// It must not take what has come for all of it: no frame may say that it was.
#[tokio::test]
async fn the_server_is_told_that_it_was_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = tokio::task::spawn_blocking(move || frames::answer(&listener.accept().unwrap().0));
    let work = async {
        let (pieces, more) = mpsc::channel(1);
        let request = http_session()?.post(url);
        let response = request.version(Version::HTTP_2).body(body(more)).send();
        let response = response.await?;
        pieces.send(Bytes::from_static(b"one")).await?;
        drop(response);
        Ok::<_, BoxError>(served.await?)
    };
    let frames = builder().open(work).await.unwrap();
    let ends = frames
        .iter()
        .filter(|frame| matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0);
    assert_eq!(ends.count(), 0, "{frames:?}");
    let reset = frames.last().unwrap();
    assert_eq!(reset.payload, CANCEL.to_be_bytes(), "{frames:?}");
}

#[tokio::test]
async fn a_context_that_is_dropped_ends_it() {
    let server = Server::start();
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = async {
        let (pieces, _response) = conversation(&server).await?;
        tell.send(pieces).unwrap();
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(())
    };
    let observed = std::sync::Arc::new(http_context::testing::Recorder::new());
    let context = builder().observer(observed.clone());
    let pieces = tokio::select! {
        _ = context.open(work) => unreachable!("it has no end"),
        pieces = told => pieces.unwrap(),
    };
    assert_eq!(observed.reports()[0].outcome, Outcome::Cancelled);
    has_ended(&server, &pieces).await;
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn a_response_that_was_read_whole_does_not_end_it() {
    let server = Server::builder().handler("/early", |request| async {
        // Read on when the response is there.
        tokio::spawn(request.into_body().collect());
        http::Response::new(http_context_tests::empty_body())
    });
    let server = server.start();
    let work = async {
        let (pieces, more) = mpsc::channel(1);
        let request = http_session()?.post(server.url("/early"));
        let request = request.version(Version::HTTP_2).body(body(more));
        let response = request.send().await?;
        assert!(response.bytes().await?.is_empty());
        for _ in 0..3 {
            pieces.send(Bytes::from_static(b"late")).await?;
        }
        Ok::<_, BoxError>(())
    };
    builder().open(work).await.unwrap();
}

/// Sends for ever, as fast as it may.
fn endless() -> Body {
    let piece = Bytes::from_static(&[7; 1000]);
    Body::wrap_stream(stream::repeat(piece).map(Ok::<_, BoxError>))
}

/// Reads so many pieces of the response to an endless upload, and drops it.
async fn drops_after(server: &Server, pieces: usize) {
    let work = async {
        let request = http_session()?.post(server.url("/echo"));
        let request = request.version(Version::HTTP_2).body(endless());
        let mut response = request.send().await?;
        for _ in 0..pieces {
            assert!(response.chunk().await?.is_some());
        }
        drop(response);
        Ok::<_, BoxError>(())
    };
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.exit_duration < Duration::from_secs(1), "{report}");
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn one_without_an_end_ends_when_its_response_is_dropped() {
    for pieces in [0, 1, 2, 5, 20, 200] {
        drops_after(&Server::start(), pieces).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_without_an_end_ends_on_several_threads_too() {
    for pieces in [0, 1, 2, 5, 20, 200] {
        drops_after(&Server::start(), pieces).await;
    }
}
