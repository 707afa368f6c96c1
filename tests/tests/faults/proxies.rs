//! Faults of a proxy that the client was set to use.

use std::sync::Arc;

use http_context::ContextBuilder;
use http_context_tests::tls::Leaf;
use http_context_tests::{Gate, RefusedPort};
use reqwest::Proxy;

use crate::names::resolving;
use crate::peer::{End, Http1, Peer};
use crate::scene::{Column, Front, Scene};

fn through(context: ContextBuilder, proxy: String) -> ContextBuilder {
    context.configure(move |client| client.proxy(Proxy::all(&proxy).unwrap()))
}

pub(crate) fn refuses_connections(_: Column) -> Scene {
    let refused = Arc::new(RefusedPort::new());
    let addr = refused.addr();
    resolving(Front::Nobody(addr), Some(vec![addr]))
        .also(move |context| through(context, format!("http://proxy.test:{}", addr.port())))
        .keep(refused)
        .opens(0)
}

/// A proxy that is asked for a tunnel to a server behind it.
fn asked_for_a_tunnel(column: Column, proxy: &Arc<Peer>) -> Scene {
    let server = column.protocol.tls_server(Leaf::Valid);
    let (url, through_it) = (server.url("/slow-head"), proxy.url());
    Scene::get(Front::Peer(Arc::clone(proxy)), url)
        .also(move |context| through(context, through_it))
        .cue(&proxy.cue)
        .keep(server)
        .opens_none()
}

fn answering(column: Column, answer: Http1) -> Scene {
    asked_for_a_tunnel(column, &Peer::http1(answer))
}

pub(crate) fn wants_credentials(column: Column) -> Scene {
    let head = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    answering(column, Http1::default().then(head))
}

pub(crate) fn cannot_reach_the_server(column: Column) -> Scene {
    let head = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
    answering(column, Http1::default().then(head))
}

pub(crate) fn drops_the_connection(column: Column) -> Scene {
    answering(column, Http1::default().end(End::Close))
}

pub(crate) fn stalls(column: Column) -> Scene {
    answering(column, Http1::default())
        .also(move |context| context.configure(move |client| client.connect_timeout(column.limit)))
        .strike(|_| {})
}

pub(crate) fn cuts_the_tunnel(column: Column) -> Scene {
    let server = column.protocol.tls_server(Leaf::Valid);
    let cut = Gate::new();
    let proxy = Peer::tunnel(server.addr(), cut.clone());
    let (url, through_it, held) = (server.url("/slow-head"), proxy.url(), Arc::clone(&server));
    Scene::get(Front::Peer(proxy), url)
        .also(move |context| through(context, through_it))
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        })
        .strike(move |_| cut.open())
        .keep(server)
}
