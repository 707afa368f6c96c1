//! Responses that are late, too short, too long, or none.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_context_tests::{At, Fault, Script, Server};

use crate::peer::{End, Http1, Peer};
use crate::scene::{Column, Front, Protocol, Scene, ask};

pub(crate) fn head_is_late(column: Column) -> Scene {
    late(column, "/slow-head")
}

pub(crate) fn body_is_late(column: Column) -> Scene {
    late(column, "/slow-body")
}

fn late(column: Column, path: &str) -> Scene {
    let server = Arc::new(Server::start());
    let url = server.url(path);
    let held = Arc::clone(&server);
    Scene::get(Front::Server(server), "")
        .asking(ask(move |session| session.get(url).timeout(column.limit)))
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        })
}

pub(crate) fn head_stalls(column: Column) -> Scene {
    stalls(column, "/slow-head")
}

pub(crate) fn body_stalls(column: Column) -> Scene {
    stalls(column, "/slow-body")
}

/// Nothing comes for longer than a read may take.
fn stalls(column: Column, path: &str) -> Scene {
    Scene::held(Server::builder(), path, |_, _| {})
        .also(move |context| context.configure(move |client| client.read_timeout(column.limit)))
}

pub(crate) fn head_is_not_read_in_time(column: Column) -> Scene {
    not_read_in_time(column, "/slow-head")
}

pub(crate) fn body_is_not_read_in_time(column: Column) -> Scene {
    not_read_in_time(column, "/slow-body")
}

/// As [`stalls`], by the limit of the request.
fn not_read_in_time(column: Column, path: &str) -> Scene {
    let server = Arc::new(Server::start());
    let url = server.url(path);
    let held = Arc::clone(&server);
    Scene::get(Front::Server(server), "")
        .asking(ask(move |session| {
            session.get(url).read_timeout(column.limit)
        }))
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        })
}

pub(crate) fn in_single_bytes(_: Column) -> Scene {
    let server = Arc::new(Server::start());
    let scene = Scene::answer_stalled(&server, "/bytes/100");
    let Front::Proxy(proxy) = &scene.front else {
        unreachable!("it was just made")
    };
    proxy.set_usual(Script::fault(At::ResponseBytes(0), Fault::Stall).sliced(1));
    scene
}

pub(crate) fn is_garbage(_: Column) -> Scene {
    let server = Arc::new(Server::start());
    let garbage = Fault::Say(Bytes::from_static(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"));
    Scene::stalled(&server, "/ok", At::RequestBytes(1), &[garbage])
}

/// A head that is larger than a client takes: 400 KiB and more over HTTP/1.1, 16 KiB over HTTP/2.
pub(crate) fn head_is_too_large(column: Column) -> Scene {
    let large = "x".repeat(match column.protocol {
        Protocol::Http1 => 2_000_000,
        Protocol::Http2 => 20_000,
    });
    Scene::peer(&match column.protocol {
        Protocol::Http1 => Peer::http1(
            Http1::default().then(format!("HTTP/1.1 200 OK\r\nx-large: {large}\r\n\r\n")),
        ),
        Protocol::Http2 => Peer::http2(move |_body, mut respond, cue| {
            let response = Response::builder().header("x-large", &large);
            let response = response.body(()).unwrap();
            async move {
                cue.here().await;
                // A client that is gone already does not listen.
                let _ = respond.send_response(response, true);
            }
        }),
    })
}

/// Announces `announced` bytes, sends five, and ends.
fn announcing(column: Column, announced: u64) -> Scene {
    Scene::peer(&match column.protocol {
        Protocol::Http1 => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {announced}\r\n\r\n");
            Peer::http1(Http1::first(head).then("hello").end(End::Close))
        }
        Protocol::Http2 => Peer::http2(move |_body, mut respond, cue| async move {
            let response = Response::builder().header("content-length", announced);
            let response = response.body(()).unwrap();
            let mut body = respond.send_response(response, false).unwrap();
            cue.here().await;
            let _ = body.send_data(Bytes::from_static(b"hello"), true);
        }),
    })
}

pub(crate) fn shorter_than_announced(column: Column) -> Scene {
    announcing(column, 10)
}

pub(crate) fn longer_than_announced(column: Column) -> Scene {
    announcing(column, 3)
}

pub(crate) fn chunk_is_cut(_: Column) -> Scene {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut = Http1::first(head).then("a\r\nhello").end(End::Close);
    Scene::peer(&Peer::http1(cut))
}

pub(crate) fn chunk_is_garbage(_: Column) -> Scene {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    Scene::peer(&Peer::http1(Http1::first(head).then("chunk?\r\nhello\r\n")))
}

pub(crate) fn redirects_too_often(_: Column) -> Scene {
    let server = Arc::new(Server::start());
    Scene::answer_stalled(&server, "/redirect/11")
}
