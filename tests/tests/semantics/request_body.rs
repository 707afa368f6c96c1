//! What is known of the body of a request: its length, whether it was sent, and whether it failed.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty, Full};
use http_context::testing::{Fact, Recorder};
use http_context::{builder, http_session, open};
use http_context_tests::{Server, empty_body};
use reqwest::{Body, Method, header};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn streamed(pieces: impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static) -> Body {
    Body::wrap_stream(pieces)
}

fn piece() -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::iter([Ok(vec![0; 700])])
}

/// Answers when it has seen the first piece of a body.
fn impatient() -> Server {
    let handler = |request: http::Request<hyper::body::Incoming>| async {
        let mut body = request.into_body();
        assert!(body.frame().await.is_some());
        http::Response::new(empty_body())
    };
    Server::builder().handler("/impatient", handler).start()
}

#[tokio::test]
async fn it_has_a_size_once_all_of_it_was_sent_and_has_failed_when_its_source_did() {
    let (server, recorder) = (impatient(), Arc::new(Recorder::new()));
    builder()
        .observer(recorder.clone())
        .open(async {
            let session = http_session()?;
            let upload = || session.post(server.url("/upload"));
            upload().send().await?.bytes().await?;
            let in_memory = upload().body(vec![0; 1000]);
            in_memory.send().await?.bytes().await?;
            let whole = upload().body(streamed(piece().chain(piece())));
            whole.send().await?.bytes().await?;
            let gone = stream::iter([Err(io::Error::other("the disk is gone"))]);
            let failing = upload().body(streamed(piece().chain(gone)));
            failing.send().await.unwrap_err();
            let endless = session.post(server.url("/impatient"));
            let endless = endless.body(streamed(piece().chain(stream::pending())));
            endless.send().await?.bytes().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    // The size of those that were answered, and of the others whether their body failed.
    let bodies = recorder.all(|fact| match fact {
        Fact::RequestAnswered { sent, .. } => Some(Ok(*sent)),
        Fact::RequestFailed { body_failed, .. } => Some(Err(*body_failed)),
        _ => None,
    });
    let expected = [
        Ok(None),
        Ok(Some(1000)),
        Ok(Some(1400)),
        Err(true),
        Ok(None),
    ];
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn its_length_is_announced_as_by_reqwest_alone() {
    let bodies: [fn() -> Body; 3] = [
        || Body::wrap(Full::new(Bytes::from_static(b"known"))),
        || Body::wrap(Empty::<Bytes>::new()),
        || streamed(piece()),
    ];
    let server = Server::start();
    let url = server.url("/upload");
    let alone = reqwest::Client::builder().no_proxy().build().unwrap();
    open(async {
        for body in bodies {
            let request = alone.post(&url).body(body());
            request.send().await?.bytes().await?;
            let request = http_session()?.post(&url).body(body());
            request.send().await?.bytes().await?;
        }
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2 * bodies.len());
    for pair in seen.chunks(2) {
        for name in ["content-length", "transfer-encoding"] {
            let [alone, ours] = [&pair[0], &pair[1]].map(|seen| seen.headers.get(name));
            assert_eq!(ours, alone, "{name}");
        }
    }
    assert_eq!(seen[1].headers["content-length"], "5");
    assert_eq!(seen[5].headers["transfer-encoding"], "chunked");
}

/// By RFC 9110, section 8.6; some servers answer `411 Length Required` otherwise.
#[tokio::test]
async fn an_empty_one_has_a_length_where_the_method_expects_a_body() {
    let by_http1 = (Server::builder().http1().start(), builder());
    let by_http2 = builder().configure(reqwest::ClientBuilder::http2_prior_knowledge);
    let by_http2 = (Server::builder().http2().start(), by_http2);
    for (server, builder) in [by_http1, by_http2] {
        builder
            .open(async || {
                let session = http_session()?;
                let sdk = session.client();
                for method in [Method::POST, Method::PUT, Method::PATCH] {
                    let url = server.url("/none");
                    session.request(method.clone(), url).send().await?;
                    let url = server.url("/empty");
                    session.request(method.clone(), url).body("").send().await?;
                    let url = server.url("/sdk");
                    sdk.request(method.clone(), url).send().await?;
                }
                for method in [Method::GET, Method::HEAD] {
                    let url = server.url("/unexpected");
                    session.request(method, url).send().await?;
                }
                let chunked = session.post(server.url("/streamed"));
                chunked.body(streamed(piece())).send().await?;
                let own = session.post(server.url("/own")).body("four");
                own.header(header::CONTENT_LENGTH, 4).send().await?;
                Ok::<_, BoxError>(())
            })
            .await
            .unwrap();
        for seen in server.seen() {
            let lengths = seen.headers.get_all(header::CONTENT_LENGTH);
            let lengths: Vec<_> = lengths
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect();
            let expected: &[_] = match seen.uri.path() {
                "/none" | "/empty" | "/sdk" => &["0"],
                "/own" => &["4"],
                _ => &[],
            };
            assert_eq!(lengths, expected, "{seen:?}");
        }
        assert_eq!(server.seen().len(), 13);
    }
}
