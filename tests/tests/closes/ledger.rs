//! What the ledger shows of connections, and what is exported of their closes.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http_context::{
    CloseReason, ConnectionClosed, ConnectionInfo, Observer, OpenError, RequestInfo, SocketEnd,
    builder, http_session,
};
use http_context_middleware::{ConnectionRecord, ConnectionState};
use http_context_tests::{Gate, Server, edits_nothing};

use crate::rig::{Rig, Wire};
use crate::scripted::{Closes, the_one};

fn record_of_the_one(rig: &Rig) -> ConnectionRecord {
    let open = rig.instrumentation.ledger().connections();
    assert_eq!(open.len(), 1, "{open:?}");
    open.into_iter().next().unwrap()
}

pub(crate) async fn read(server: &Server) {
    let session = http_session().unwrap();
    let response = session.get(server.url("/ok")).send().await.unwrap();
    response.bytes().await.unwrap();
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "the connections are compared with the sockets that the kernel shows"
)]
async fn a_comparison_closes_what_is_gone_and_is_due_again_while_a_closed_session_holds_some() {
    let ((rig, closes), server) = (Closes::rig().await, Server::start());
    rig.context()
        .open(async {
            read(&server).await;
            assert!(!closes.compare());
            assert_eq!(rig.exported().open_connections(), 1);
            http_session().unwrap().close();
            // The task of its connection has not run since.
            assert!(closes.compare());
            assert_eq!(rig.exported().open_connections(), 1);
            server.wait_until(|counts| counts.open() == 0).await;
            assert!(!closes.compare());
            let exported = rig.exported();
            assert_eq!(exported.closed(CloseReason::SessionClosed), 1, "{exported}");
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    rig.exported().assert_sound();
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "the connections are compared with the sockets that the kernel shows"
)]
async fn a_close_that_is_announced_after_a_comparison_found_it_is_no_close_of_another_one() {
    let ((rig, closes), server) = (Closes::rig().await, Server::start());
    rig.context()
        .open(async {
            read(&server).await;
            let addresses = the_one(&server);
            http_session().unwrap().close();
            server.wait_until(|counts| counts.open() == 0).await;
            assert!(!closes.compare());
            read(&server).await;
            closes.close(addresses, SocketEnd::Here);
            let exported = rig.exported();
            assert_eq!(exported.open_connections(), 1, "{exported}");
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::SessionClosed), 2, "{exported}");
    exported.assert_sound();
}

/// What is said of one connection, to be said again.
#[derive(Default)]
struct Heard {
    opened: Mutex<Option<Arc<ConnectionInfo>>>,
    closed: Mutex<Option<ConnectionClosed>>,
}

impl Observer for Heard {
    fn connection_opened(&self, _: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        *self.opened.lock().unwrap() = Some(Arc::clone(connection));
    }

    fn connection_closed(&self, _: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {
        *self.closed.lock().unwrap() = Some(*closed);
    }
}

/// Opens a connection again and again for the instrumentation, and closes it.
struct Repeats {
    rig: Arc<Rig>,
    connection: Mutex<Option<(ConnectionInfo, ConnectionClosed)>>,
}

impl Observer for Repeats {
    fn connection_opened(&self, request: &RequestInfo, _: &Arc<ConnectionInfo>) {
        let Some((mut connection, closed)) = self.connection.lock().unwrap().take() else {
            return;
        };
        for nth in 1..=1000 {
            connection.create_duration = Duration::from_millis(nth);
            let opened = Arc::new(connection);
            let instrumentation = &self.rig.instrumentation;
            instrumentation.connection_opened(request, &opened);
            instrumentation.connection_closed(&opened, &closed);
            connection = Arc::into_inner(opened).unwrap();
        }
    }
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "the connections are compared with the sockets that the kernel shows"
)]
async fn the_connections_that_closed_last_are_remembered_and_no_more() {
    let ((rig, _closes), server) = (Closes::rig().await, Server::start());
    let heard = Arc::new(Heard::default());
    let work = async || {
        read(&server).await;
        Ok::<_, OpenError>(())
    };
    let context = builder().observer(Arc::<Heard>::clone(&heard));
    context.open(work()).await.unwrap();
    let info = heard.opened.lock().unwrap().take().unwrap();
    let closed = heard.closed.lock().unwrap().take().unwrap();
    let rig = Arc::new(rig);
    let repeats = Repeats {
        rig: Arc::clone(&rig),
        connection: Mutex::new(Some((Arc::into_inner(info).unwrap(), closed))),
    };
    let context = builder().observer(Arc::new(repeats));
    context.open(work()).await.unwrap();
    let remembered = rig.instrumentation.ledger().recently_closed();
    let count = remembered.len();
    assert!((100..1000).contains(&count), "{count}");
    let last = (1..=1000).rev().map(Duration::from_millis);
    for (record, create_duration) in remembered.iter().zip(last) {
        assert_eq!(record.create_duration, create_duration);
    }
}

#[tokio::test]
async fn a_record_says_whether_a_request_is_on_its_connection() {
    let ((rig, _closes), server) = (Closes::rig().await, Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/slow-body")).send().await;
            let busy = record_of_the_one(&rig);
            assert_eq!(busy.state, ConnectionState::Active);
            assert_eq!(busy.idle_for, None);
            server.gate().open();
            response.unwrap().bytes().await.unwrap();
            let idle = record_of_the_one(&rig);
            assert_eq!(idle.state, ConnectionState::Idle);
            assert!(idle.idle_for.is_some());
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_connection_that_is_gone_is_active_until_what_came_over_it_is_read() {
    let ((rig, closes), server) = (Closes::rig().await, Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/slow-body")).send().await;
            assert_eq!(rig.exported().active_and_idle(), (1, 0));
            closes.close_the_one(&server);
            assert_eq!(rig.exported().active_and_idle(), (1, 0));
            drop(response);
            assert_eq!(rig.exported().active_and_idle(), (0, 0));
            // Another one to the same server.
            read(&server).await;
            assert_eq!(rig.exported().active_and_idle(), (0, 1));
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    rig.exported().assert_sound();
}

#[tokio::test]
async fn a_connection_closes_for_its_idleness_only_when_that_is_about_over() {
    for (idle, reason) in [(500, CloseReason::Remote), (1000, CloseReason::IdleTimeout)] {
        let ((rig, closes), server) = (Closes::rig().await, Server::start());
        rig.context()
            .keep_alive(Duration::from_secs(1))
            .open(async {
                read(&server).await;
                // While the clock stands, nobody waits for a socket.
                tokio::time::pause();
                tokio::time::advance(Duration::from_millis(idle)).await;
                closes.close_the_one(&server);
                tokio::time::resume();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(reason), 1, "{idle} ms {exported}");
    }
}

#[tokio::test]
async fn a_time_limit_closes_a_connection_and_the_peer_closes_one_that_it_cuts() {
    for (is_ours, reason) in [
        (true, CloseReason::SessionClosed),
        (false, CloseReason::Remote),
    ] {
        let ((rig, closes), server) = (Closes::rig().await, Server::start());
        rig.context()
            .open(async {
                read(&server).await;
                let session = http_session().unwrap();
                let request = session.get(server.url("/never"));
                if is_ours {
                    let request = request.timeout(Duration::from_millis(10));
                    assert!(request.send().await.unwrap_err().is_timeout());
                } else {
                    let cut = async {
                        server.wait_until(|counts| counts.held == 1).await;
                        server.abort_connections();
                    };
                    let (result, ()) = tokio::join!(request.send(), cut);
                    result.unwrap_err();
                }
                closes.close_the_one(&server);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(reason), 1, "{exported}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_closed_by_the_peer_and_also_behind_a_middleware() {
    let ways = ["/cut/1000", "/cut-chunked/1000"];
    let ways = ways.iter().flat_map(|path| [(path, false), (path, true)]);
    for (path, with_middleware) in ways {
        let ((rig, closes), server) = (Closes::rig().await, Server::start());
        let mut context = rig.context();
        if with_middleware {
            context = context.with(edits_nothing());
        }
        context
            .open(async {
                let session = http_session().unwrap();
                let response = session.get(server.url(path)).send().await.unwrap();
                response.bytes().await.unwrap_err();
                closes.close_the_one(&server);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(CloseReason::Remote), 1, "{exported}");
    }
}

#[tokio::test]
async fn a_request_whose_body_fails_closes_its_connection() {
    let ((rig, closes), server) = (Closes::rig().await, Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            let fails = Gate::new();
            let failing = fails.clone();
            let pieces = stream::once(async { Ok("piece") }).chain(stream::once(async move {
                failing.pass().await;
                Err(io::Error::other("on purpose"))
            }));
            let body = reqwest::Body::wrap_stream(pieces);
            let request = session.post(server.url("/never")).body(body).send();
            let close = async {
                server.wait_until(|counts| counts.held == 1).await;
                // Before the request has failed.
                closes.close_the_one(&server);
                fails.open();
            };
            let (result, ()) = tokio::join!(request, close);
            result.unwrap_err();
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::SessionClosed), 1, "{exported}");
}

#[tokio::test]
async fn a_connection_of_a_session_that_speaks_only_http2_does_so_before_its_first_response() {
    let (_turn, rig) = (Closes::take_turn().await, Rig::new(Wire::Http2));
    let server = Server::start();
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            tokio::select! {
                _ = session.get(server.url("/never")).send() => unreachable!("it never answers"),
                _ = server.wait_until(|counts| counts.held == 1) => {}
            }
            let record = record_of_the_one(&rig);
            assert_eq!((record.requests, record.protocol_version), (0, Some("2")));
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}
