//! What only HTTP/2 can do: streams that end alone, and connections that are given up in order.

use std::sync::Arc;

use bytes::Bytes;
use h2::Reason;
use http::Response;
use http_context::current;
use http_context_tests::Server;

use crate::peer::Peer;
use crate::scene::{Column, Front, Scene};

pub(crate) fn goes_away_in_order(_: Column) -> Scene {
    Scene::held(Server::builder(), "/slow-head", |server, _| {
        server.drain();
        server.gate().open();
    })
}

pub(crate) fn goes_away_with_an_error(_: Column) -> Scene {
    Scene::peer(&Peer::goes_away(Reason::INTERNAL_ERROR))
}

pub(crate) fn stream_refused_once(_: Column) -> Scene {
    stream_is_reset("/reset/7/1")
}

pub(crate) fn stream_refused_twice(_: Column) -> Scene {
    stream_is_reset("/reset/7/2")
}

pub(crate) fn stream_refused_thrice(_: Column) -> Scene {
    stream_is_reset("/reset/7/3")
}

pub(crate) fn stream_cancelled(_: Column) -> Scene {
    stream_is_reset("/reset/8")
}

/// The reset of the stream waits in a proxy until it strikes.
fn stream_is_reset(path: &str) -> Scene {
    Scene::answer_stalled(&Arc::new(Server::start()), path)
}

pub(crate) fn stream_cancelled_in_the_body(_: Column) -> Scene {
    Scene::peer(&Peer::http2(|_body, mut respond, cue| async move {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"first"), false).unwrap();
        cue.here().await;
        body.send_reset(Reason::CANCEL);
    }))
}

/// The connection takes one stream at a time, and it is taken.
pub(crate) fn streams_are_taken(_: Column) -> Scene {
    let server = Arc::new(Server::builder().max_streams(1).start());
    let (first, held) = (server.url("/slow-head"), Arc::clone(&server));
    let (url, gate, ok) = (server.url("/bytes/10"), server.gate(), server.url("/ok"));
    Scene::get(Front::Server(server), url)
        .before(2, move |session| {
            Box::pin(async move {
                // The client learns the limit with its first response.
                let response = session.get(ok).send().await.unwrap();
                response.bytes().await.unwrap();
                let taken = http_context::spawn(async move {
                    let response = session.get(first).send().await.unwrap();
                    response.bytes().await.unwrap();
                });
                held.wait_until(|counts| counts.held == 1).await;
                Box::pin(async move { taken.await.unwrap() }) as _
            })
        })
        .middle(async {
            while current().unwrap().requests_in_flight() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .strike(move |_| gate.open())
}
