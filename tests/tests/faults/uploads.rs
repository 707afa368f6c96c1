//! Faults while the body of a request is sent.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{Response, StatusCode, header};
use http_context_tests::{Server, empty_body};
use reqwest::Body;

use crate::cue::Cue;
use crate::peer::{Http1, Peer};
use crate::scene::{Column, Front, Protocol, Scene, ask};

/// One piece of a body.
const PIECE: Bytes = Bytes::from_static(&[0; 16 * 1024]);

/// One piece, and then what `rest` gives.
fn first_and(rest: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    Body::wrap_stream(stream::iter([Ok(PIECE)]).chain(rest))
}

/// More than the buffers between a client and a server hold. Over HTTP/1.1 what is in them goes
/// before the end of the stream, so the client cannot close the connection; a stream of HTTP/2 it
/// can reset.
pub(crate) fn nobody_reads(column: Column) -> Scene {
    let server = Arc::new(Server::start());
    let (url, held) = (server.url("/never"), Arc::clone(&server));
    let body = || Body::wrap_stream(stream::repeat_with(|| io::Result::Ok(PIECE)).take(2000));
    let lets_go = Arc::clone(&server);
    let scene = Scene::get(Front::Server(server), "")
        .asking(ask(move |session| {
            session.post(url).body(body()).timeout(column.limit)
        }))
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        });
    match column.protocol {
        Protocol::Http1 => scene.leaves(move || lets_go.abort_connections()),
        Protocol::Http2 => scene,
    }
}

pub(crate) fn source_fails(_: Column) -> Scene {
    let (server, cue) = (Arc::new(Server::start()), Cue::default());
    let (url, source) = (server.url("/upload"), cue.clone());
    let failing = stream::once(async move {
        source.here().await;
        Err(io::Error::other("the disk is gone"))
    });
    Scene::get(Front::Server(server), "")
        .asking(ask(move |session| {
            session.post(url).body(first_and(failing))
        }))
        .cue(&cue)
}

/// Ends before the length that its header announces.
pub(crate) fn shorter_than_announced(_: Column) -> Scene {
    let (server, cue) = (Arc::new(Server::start()), Cue::default());
    let (url, source) = (server.url("/upload"), cue.clone());
    let ends = stream::once(async move {
        source.here().await;
        Ok(PIECE)
    });
    let ask = ask(move |session| {
        let request = session.post(url).header(header::CONTENT_LENGTH, 100_000);
        request.body(first_and(ends))
    });
    Scene::get(Front::Server(server), "").asking(ask).cue(&cue)
}

/// The answer comes while the rest of the body is never going to.
pub(crate) fn early_answer(_: Column) -> Scene {
    let cue = Cue::default();
    let held = cue.clone();
    let server = Server::builder().handler("/guarded", move |request| {
        let held = held.clone();
        async move {
            let _unread = request;
            held.here().await;
            let mut response = Response::new(empty_body());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        }
    });
    let server = Arc::new(server.start());
    let url = server.url("/guarded");
    let body = || first_and(stream::pending());
    Scene::get(Front::Server(server), "")
        .asking(ask(move |session| session.post(url).body(body())))
        .cue(&cue)
}

/// Told to continue, the client sends its body, and then nothing more comes.
pub(crate) fn silence_after_continue(column: Column) -> Scene {
    let peer = match column.protocol {
        Protocol::Http1 => Peer::http1(Http1::first("HTTP/1.1 100 Continue\r\n\r\n")),
        Protocol::Http2 => Peer::http2(|_body, mut respond, cue| async move {
            let response = Response::builder().status(StatusCode::CONTINUE);
            let response = response.body(()).unwrap();
            respond.send_informational(response).unwrap();
            cue.here().await;
        }),
    };
    let url = peer.url();
    let ask = ask(move |session| {
        let request = session.post(url).header(header::EXPECT, "100-continue");
        request.body("a body").timeout(column.limit)
    });
    Scene::peer(&peer).asking(ask).strike(|_| {})
}
