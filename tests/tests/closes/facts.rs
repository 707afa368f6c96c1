//! The one fact of each close.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http_context::{
    CloseReason, ConnectionClosed, ConnectionId, ConnectionInfo, LeakPolicy, Observer, OpenError,
    RequestInfo, SessionPool, SocketEnd, builder, http_session,
};
use http_context_tests::Server;

use crate::ledger::read;
use crate::scripted::{Closes, open_to, the_one};

/// What was said of each connection, in order.
#[derive(Default)]
struct Connections(Mutex<HashMap<ConnectionId, Vec<Option<ConnectionClosed>>>>);

impl Connections {
    fn note(&self, id: ConnectionId, fact: Option<ConnectionClosed>) {
        self.0.lock().unwrap().entry(id).or_default().push(fact);
    }

    /// The closes so far, of connections that were opened before, once each.
    fn closed(&self) -> Vec<ConnectionClosed> {
        let all = self.0.lock().unwrap();
        let closes = all.values().filter_map(|facts| match **facts {
            [None] => None,
            [None, Some(closed)] => Some(closed),
            _ => panic!("not opened and closed once: {facts:?}"),
        });
        closes.collect()
    }
}

impl Observer for Connections {
    fn connection_opened(&self, _: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        self.note(connection.id, None);
    }

    fn connection_closed(&self, connection: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {
        self.note(connection.id, Some(*closed));
    }
}

fn observed() -> (Arc<Connections>, http_context::ContextBuilder) {
    let connections = Arc::new(Connections::default());
    let context = builder().observer(Arc::<Connections>::clone(&connections));
    (connections, context)
}

#[tokio::test]
async fn a_close_is_reported_once_however_often_it_is_announced() {
    let (source, server) = (Closes::take_turn().await, Server::start());
    let (connections, context) = observed();
    let work = context.open(async {
        read(&server).await;
        let addresses = the_one(&server);
        for end in [SocketEnd::Peer, SocketEnd::Here] {
            source.close(addresses, end);
        }
        assert_eq!(open_to(&server), []);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    source.compare();
    let closed = connections.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].reason, CloseReason::Remote);
    assert_eq!(closed[0].requests, 1);
}

#[tokio::test]
async fn the_reason_of_a_close_stays_while_its_connection_waits_for_a_response() {
    let (source, server) = (Closes::take_turn().await, Server::start());
    let (connections, context) = observed();
    let work = context.open(async {
        read(&server).await;
        let idle = the_one(&server);
        let session = http_session().unwrap();
        let other = async {
            server.wait_until(|counts| counts.held == 1).await;
            let busy = the_one(&server);
            assert_eq!(busy, idle, "it is used again");
            // The head of its response may be on its way.
            source.close(idle, SocketEnd::Peer);
            assert_eq!(connections.closed(), []);
            source.close(idle, SocketEnd::Here);
            source.compare();
            server.gate().open();
        };
        let (response, ()) = tokio::join!(session.get(server.url("/slow-head")).send(), other);
        response.unwrap().bytes().await.unwrap();
        let closed = connections.closed();
        assert_eq!(closed.len(), 1, "once all that came over it is read");
        assert_eq!(closed[0].reason, CloseReason::Remote);
        assert_eq!(closed[0].requests, 2);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_pooled_connection_that_its_peer_closes_while_idle_is_a_fact_of_who_opened_it() {
    let (source, server) = (Closes::take_turn().await, Server::start());
    let pool = SessionPool::builder().build();
    let job = async || {
        read(&server).await;
        Ok::<_, OpenError>(())
    };
    let (first, context) = observed();
    context.pool(pool.clone()).open(job()).await.unwrap();
    let (second, context) = observed();
    context.pool(pool.clone()).open(job()).await.unwrap();
    assert_eq!(first.closed(), []);
    source.close(the_one(&server), SocketEnd::Peer);
    let closed = first.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(
        (closed[0].reason, closed[0].requests),
        (CloseReason::Remote, 2)
    );
    pool.close().await;
    assert_eq!(first.closed().len(), 1);
    assert_eq!(second.closed(), []);
    assert_eq!(open_to(&server), []);
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "the connections are compared with the sockets that the kernel shows"
)]
async fn a_pool_that_is_dropped_closes_its_connections() {
    let (source, server) = (Closes::take_turn().await, Server::start());
    let (connections, context) = observed();
    let pool = SessionPool::builder().build();
    let work = context.pool(pool).open(async {
        read(&server).await;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert!(source.compare(), "it ought to be gone");
    server.wait_until(|counts| counts.open() == 0).await;
    assert!(!source.compare());
    let closed = connections.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].reason, CloseReason::SessionClosed);
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "the connections are compared with the sockets that the kernel shows"
)]
async fn a_session_that_is_closed_early_closes_its_connections_and_the_next_has_its_own() {
    let (source, server) = (Closes::take_turn().await, Server::start());
    let (connections, context) = observed();
    let work = context.open(async {
        for round in 1..=3 {
            read(&server).await;
            http_session().unwrap().close();
            server.wait_until(|counts| counts.open() == 0).await;
            source.compare();
            assert_eq!(connections.closed().len(), round);
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let closed = connections.closed();
    assert_eq!(closed.len(), 3);
    let is_ours = |closed: &ConnectionClosed| closed.reason == CloseReason::SessionClosed;
    assert!(closed.iter().all(is_ours), "{closed:?}");
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "the connections are compared with the sockets that the kernel shows"
)]
async fn a_context_that_is_dropped_or_looks_for_no_leaks_has_its_closes_announced() {
    let (source, server) = (Closes::take_turn().await, Server::start());
    for is_dropped in [true, false] {
        let (connections, context) = observed();
        let mut work = Box::pin(context.leaks(LeakPolicy::Off).open(async {
            read(&server).await;
            if is_dropped {
                std::future::pending::<()>().await;
            }
            Ok::<_, OpenError>(())
        }));
        if is_dropped {
            let has_read = server.wait_until(|counts| counts.completed == 1);
            tokio::select! {
                _ = &mut work => unreachable!("it is pending"),
                _ = has_read => {}
            }
        } else {
            work.as_mut().await.unwrap();
        }
        drop(work);
        server.wait_until(|counts| counts.open() == 0).await;
        source.compare();
        let closed = connections.closed();
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].reason, CloseReason::SessionClosed, "{is_dropped}");
        assert_eq!(open_to(&server), []);
    }
}
