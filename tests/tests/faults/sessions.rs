//! What ends a request from this side: the queue, the session, and the caller.

use std::sync::Arc;

use http_context::{HttpSession, RequestError, current};
use http_context_tests::Server;

use crate::connecting::hanging;
use crate::scene::{Ask, Column, Failure, Front, Scene};

/// The one slot of the host is taken by a request that the server holds, and that is closed with
/// the session or answered at the end.
fn queued(is_closed: bool) -> Scene {
    let server = Arc::new(Server::start());
    let (url, first, gate) = (server.url("/ok"), server.url("/slow-head"), server.gate());
    let (held, last) = (Arc::clone(&server), gate.clone());
    Scene::get(Front::Server(server), url)
        .also(move |context| context.max_connections_per_host(1))
        .before(i64::from(!is_closed), move |session| {
            Box::pin(async move {
                let taken = http_context::spawn(async move {
                    let response = session.get(first).send().await?;
                    response.bytes().await.unwrap();
                    Ok::<_, RequestError>(())
                });
                held.wait_until(|counts| counts.held == 1).await;
                Box::pin(async move {
                    last.open();
                    let taken = taken.await.unwrap();
                    assert_eq!(taken.is_err(), is_closed, "{taken:?}");
                }) as _
            })
        })
        .middle(async {
            while current().unwrap().requests_in_flight() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .strike(move |_| gate.open())
}

pub(crate) fn waits_for_a_slot(_: Column) -> Scene {
    queued(false)
}

pub(crate) fn waits_too_long(column: Column) -> Scene {
    queued(false)
        .also(move |context| context.queue_timeout(column.limit))
        .strike(|_| {})
}

pub(crate) fn closed_while_it_waits(_: Column) -> Scene {
    let mut scene = queued(true).strike(HttpSession::close);
    scene.others_closed = 1;
    scene
}

pub(crate) fn closed_during_connect(_: Column) -> Scene {
    hanging().strike(HttpSession::close)
}

pub(crate) fn closed_with_a_request(_: Column) -> Scene {
    Scene::held(Server::builder(), "/never", |_, session| session.close())
}

pub(crate) fn closed_with_a_body(_: Column) -> Scene {
    Scene::held(Server::builder(), "/slow-body", |_, session| {
        session.close();
    })
}

/// The caller lets go of a body that is longer than what is on its way.
pub(crate) fn body_dropped_early(_: Column) -> Scene {
    let server = Arc::new(Server::start());
    let url = server.url("/bytes/50000000");
    let ask: Ask = Box::new(|session, head| {
        Box::pin(async move {
            let response = session.get(url).send().await.map_err(Failure::Head)?;
            head.open();
            let status = response.status().as_u16();
            drop(response);
            Ok(status)
        })
    });
    Scene::get(Front::Server(server), "").asking(ask)
}
