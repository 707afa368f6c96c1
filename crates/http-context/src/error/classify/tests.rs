//! Each kind, from errors as the libraries make them.

use std::fmt;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::*;
use crate::error::{RequestError, RequestFailure};

#[test]
fn the_kind_is_found_behind_other_errors() {
    let wrapped = |error: BoxError| {
        let failure = RequestFailure::Middleware(Box::new(io::Error::other(error)));
        ErrorKind::of(&RequestError::from(failure))
    };
    assert_eq!(
        wrapped(Box::new(NameNotResolved("no such host".into()))),
        ErrorKind::NameResolution
    );
    assert_eq!(
        wrapped(Box::new(rustls::Error::HandshakeNotComplete)),
        ErrorKind::SecureConnection
    );
    assert_eq!(wrapped("anything".into()), ErrorKind::Connection);
    let text = RequestFailure::Middleware("timeout, connection refused".into());
    let text = RequestError::from(text);
    assert_eq!(text.kind(), ErrorKind::Other);
}

#[test]
fn of_two_causes_the_outer_one_decides() {
    let by_tls = NameNotResolved(Box::new(rustls::Error::HandshakeNotComplete));
    assert_eq!(ErrorKind::of(&by_tls), ErrorKind::NameResolution);
}

#[test]
fn an_io_error_tells_a_broken_connection_from_an_answer_that_ended_or_was_wrong() {
    for (kind, in_response) in [
        (io::ErrorKind::ConnectionReset, ErrorKind::Connection),
        (io::ErrorKind::UnexpectedEof, ErrorKind::ResponseEnded),
        (io::ErrorKind::InvalidData, ErrorKind::InvalidResponse),
        (io::ErrorKind::InvalidInput, ErrorKind::InvalidResponse),
    ] {
        let error = io::Error::from(kind);
        assert_eq!(ErrorKind::of(&error), in_response, "{kind}");
        let while_connecting = ErrorKind::of_connect(&error);
        assert_eq!(while_connecting, ErrorKind::Connection, "{kind}");
    }
}

/// A stream of HTTP/2 between a client and a server in this process, as far as the request.
struct H2Stream {
    upload: h2::SendStream<Bytes>,
    response: h2::client::ResponseFuture,
    answer: h2::server::SendResponse<Bytes>,
}

impl H2Stream {
    async fn start() -> Self {
        let (client, server) = tokio::io::duplex(4096);
        let (client, server) =
            tokio::join!(h2::client::handshake(client), h2::server::handshake(server));
        let ((mut client, connection), mut server) = (client.unwrap(), server.unwrap());
        tokio::spawn(connection);
        let request = http::Request::new(());
        let (response, upload) = client.send_request(request, false).unwrap();
        let (_, answer) = server.accept().await.unwrap().unwrap();
        tokio::spawn(async move { while server.accept().await.is_some() {} });
        Self {
            upload,
            response,
            answer,
        }
    }
}

#[tokio::test]
async fn a_stream_that_the_server_resets_is_a_response_that_ended_for_whatever_reason() {
    for reason in [Reason::INTERNAL_ERROR, Reason::PROTOCOL_ERROR] {
        let mut stream = H2Stream::start().await;
        stream.answer.send_reset(reason);
        let error = stream.response.await.unwrap_err();
        assert_eq!(ErrorKind::of(&error), ErrorKind::ResponseEnded, "{reason}");
    }
}

#[tokio::test]
async fn a_stream_that_this_side_gives_up_is_a_request_body_that_failed() {
    let mut stream = H2Stream::start().await;
    stream.upload.send_reset(Reason::INTERNAL_ERROR);
    let error = stream.response.await.unwrap_err();
    assert_eq!(ErrorKind::of(&error), ErrorKind::RequestBody);
}

#[tokio::test]
async fn an_answer_that_breaks_the_protocol_is_invalid() {
    let mut stream = H2Stream::start().await;
    let announced = http::Response::builder().header("content-length", "1");
    let mut body = stream
        .answer
        .send_response(announced.body(()).unwrap(), false)
        .unwrap();
    body.send_data(Bytes::from_static(b"more"), true).unwrap();
    let mut body = stream.response.await.unwrap().into_body();
    let error = body.data().await.unwrap().unwrap_err();
    assert_eq!(ErrorKind::of(&error), ErrorKind::InvalidResponse);
}

/// The way to send a request over a connection of HTTP/1.1 that was given up.
async fn dead_http1() -> hyper::client::conn::http1::SendRequest<reqwest::Body> {
    let (client, _server) = tokio::io::duplex(64);
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(client)).await;
    let (sender, connection) = handshake.unwrap();
    drop(connection);
    sender
}

#[tokio::test]
async fn a_connection_that_is_gone_before_its_request_is_a_response_that_ended() {
    let mut sender = dead_http1().await;
    let closed = sender.ready().await.unwrap_err();
    assert!(closed.is_closed());
    let sent: hyper::Result<http::Response<Incoming>> =
        sender.send_request(http::Request::default()).await;
    let cancelled = sent.unwrap_err();
    assert!(cancelled.is_canceled());
    for error in [closed, cancelled] {
        assert_eq!(ErrorKind::of(&error), ErrorKind::ResponseEnded, "{error}");
    }
}

/// What `hyper` makes of that has no name of its own: it is known by having no source, and being nothing
/// that has a name.
#[tokio::test]
async fn an_answer_that_nobody_has_asked_for_is_an_invalid_response() {
    let (client, mut server) = tokio::io::duplex(64);
    let answer = tokio::io::AsyncWriteExt::write_all(&mut server, b"HTTP/1.1 200 OK\r\n\r\n");
    answer.await.unwrap();
    let io = TokioIo::new(client);
    let handshake = hyper::client::conn::http1::handshake::<_, reqwest::Body>(io).await;
    let (_sender, connection) = handshake.unwrap();
    let error = connection.await.unwrap_err();
    assert_eq!(
        ErrorKind::of(&error),
        ErrorKind::InvalidResponse,
        "{error:?}"
    );
}

#[test]
fn a_kind_is_shown_as_the_value_of_its_attribute() {
    for kind in ErrorKind::ALL {
        assert_eq!(kind.to_string(), kind.as_str());
    }
    assert_eq!(ErrorKind::QueueTimeout.to_string(), "queue_timeout");
}

/// The source of a timeout of `reqwest`, without the error that it is the source of: what is seen of
/// it behind an error that stands for that one.
#[tokio::test]
async fn a_timeout_of_reqwest_is_known_by_its_source_alone() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(url).timeout(std::time::Duration::from_millis(1));
    let error = request.send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(ErrorKind::of(error.source().unwrap()), ErrorKind::Timeout);
    assert_eq!(ErrorKind::of(&fmt::Error), ErrorKind::Other);
}
