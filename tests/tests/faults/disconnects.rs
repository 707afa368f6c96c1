//! Connections that end before their response does.

use std::sync::Arc;

use http_context_tests::{At, Fault, Server};

use crate::peer::{End, Http1, Peer};
use crate::scene::{Column, Scene};

pub(crate) fn before_a_byte(_: Column) -> Scene {
    let server = Arc::new(Server::start());
    Scene::stalled(&server, "/ok", At::RequestBytes(1), &[Fault::Close])
}

pub(crate) fn reset_before_a_byte(_: Column) -> Scene {
    let server = Arc::new(Server::start());
    Scene::stalled(&server, "/ok", At::RequestBytes(1), &[Fault::Reset])
}

pub(crate) fn after_the_request(_: Column) -> Scene {
    Scene::held(Server::builder(), "/slow-head", |server, _| {
        server.abort_connections();
    })
}

pub(crate) fn reset_after_the_request(column: Column) -> Scene {
    behind_a_proxy(column, "/slow-head")
}

pub(crate) fn in_the_body(_: Column) -> Scene {
    Scene::held(Server::builder(), "/slow-body", |server, _| {
        server.abort_connections();
    })
}

pub(crate) fn reset_in_the_body(column: Column) -> Scene {
    behind_a_proxy(column, "/slow-body")
}

/// A request that the server holds, over a connection that a proxy then resets.
fn behind_a_proxy(_: Column, path: &str) -> Scene {
    let server = Arc::new(Server::start());
    let held = Arc::clone(&server);
    let proxy = Arc::new(http_context_tests::FaultProxy::start(server.addr()));
    let url = format!("http://{}{path}", proxy.addr());
    Scene::get(crate::scene::Front::Proxy(Arc::clone(&proxy)), url)
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        })
        .strike(move |_| proxy.reset_connections())
        .keep(server)
}

pub(crate) fn half_close_before_the_head(_: Column) -> Scene {
    Scene::peer(&Peer::http1(Http1::default().end(End::HalfClose)))
}

pub(crate) fn half_a_head(_: Column) -> Scene {
    let half = Http1::first("HTTP/1.1 200 OK\r\nContent-Le");
    Scene::peer(&Peer::http1(half.end(End::Close)))
}
