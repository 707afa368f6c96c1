//! A connection is taken for closed when its session has closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use http_context::{
    CloseReason, ConnectionClosed, ConnectionId, ConnectionInfo, LeakPolicy, Observer, OpenError,
    RequestInfo, builder, http_session,
};
use http_context_tests::{Server, sockets};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::rig::Wire;
use crate::unseen::{open_to, read, rig, run_a_thousand, see_no_closes};

#[tokio::test]
async fn the_reason_of_a_close_is_unknown_when_the_session_ends() {
    for wire in Wire::ALL {
        let (rig, server) = (rig(wire), wire.server(Server::builder()));
        assert!(!rig.instrumentation.ledger().sees_closes());
        let work = rig.context().open(async {
            read(server.url("/ok")).await;
            assert_eq!(rig.exported().open_connections(), 1);
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let exported = rig.exported();
        assert_eq!(
            exported.closed(CloseReason::Unknown),
            1,
            "{wire:?} {exported}"
        );
        assert_eq!(exported.active_and_idle(), (0, 0));
        exported.assert_sound();
        assert_eq!(open_to(&server), 0);
    }
}

#[tokio::test]
async fn a_peer_that_says_so_has_closed_a_connection_by_the_end_of_its_response() {
    let (rig, server) = (rig(Wire::Http1), Server::start());
    let work = rig.context().open(async {
        read(server.url("/close")).await;
        let exported = rig.exported();
        assert_eq!(exported.closed(CloseReason::Remote), 1, "{exported}");
        assert_eq!(open_to(&server), 0);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    rig.exported().assert_sound();
}

#[tokio::test]
async fn a_peer_that_speaks_http_1_0_has_closed_a_connection_unless_it_says_otherwise() {
    for keeps in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let says = if keeps {
                "connection: keep-alive\r\n"
            } else {
                ""
            };
            let response = format!("HTTP/1.0 200 OK\r\n{says}content-length: 2\r\n\r\nok");
            let (mut io, _) = listener.accept().await.unwrap();
            for nth in 1.. {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if io.read_buf(&mut head).await.unwrap() == 0 {
                        return nth - 1;
                    }
                }
                io.write_all(response.as_bytes()).await.unwrap();
                if !keeps {
                    io.shutdown().await.unwrap();
                }
            }
            unreachable!("its client ends before its numbers do");
        });
        let rig = rig(Wire::Http1);
        let work = rig.context().open(async {
            read(url.clone()).await;
            if keeps {
                read(url.clone()).await;
            }
            let exported = rig.exported();
            let closed = i64::from(!keeps);
            assert_eq!(exported.closed(CloseReason::Remote), closed, "{exported}");
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_eq!(serving.await.unwrap(), if keeps { 2 } else { 1 });
        rig.exported().assert_sound();
    }
}

#[tokio::test]
async fn an_exit_closes_what_was_busy_when_it_began() {
    for policy in [LeakPolicy::Count, LeakPolicy::Off] {
        let (rig, server) = (rig(Wire::Http1), Server::start());
        let context = rig.context().leaks(policy).drain_timeout(Duration::ZERO);
        let kept = context.open(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/slow-body")).send().await;
            Ok::<_, OpenError>(response.unwrap())
        });
        let kept = kept.await.unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(CloseReason::Unknown), 1, "{exported}");
        exported.assert_sound();
        assert_eq!(open_to(&server), 0);
        drop(kept);
    }
}

#[tokio::test]
async fn a_session_that_is_closed_early_closes_its_connections_there_and_then() {
    let (rig, server) = (rig(Wire::Http1), Server::start());
    let work = rig.context().open(async {
        for round in 1..=3 {
            read(server.url("/ok")).await;
            assert_eq!(rig.exported().active_and_idle(), (0, 1));
            http_session().unwrap().close();
            let exported = rig.exported();
            assert_eq!(exported.closed(CloseReason::Unknown), round, "{exported}");
            assert_eq!(open_to(&server), 0);
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    rig.exported().assert_sound();
}

#[tokio::test]
async fn a_context_that_is_dropped_closes_its_connections_there_and_then() {
    for wire in Wire::ALL {
        let (rig, server) = (rig(wire), wire.server(Server::builder()));
        let mut work = Box::pin(rig.context().open(async {
            read(server.url("/ok")).await;
            read(server.url("/never")).await;
            Ok::<_, OpenError>(())
        }));
        tokio::select! {
            _ = &mut work => unreachable!("it never answers"),
            _ = server.wait_until(|counts| counts.held == 1) => {}
        }
        drop(work);
        let exported = rig.exported();
        assert_eq!(exported.open_connections(), 0, "{wire:?} {exported}");
        exported.assert_sound();
        assert_eq!(open_to(&server), 0);
    }
}

/// Notes of each connection what is said of it, and closes the session when one is opened.
#[derive(Default)]
struct Order {
    closes_session: bool,
    facts: Mutex<HashMap<ConnectionId, Vec<&'static str>>>,
}

impl Order {
    fn note(&self, connection: &ConnectionInfo, fact: &'static str) {
        let mut facts = self.facts.lock().unwrap();
        facts.entry(connection.id).or_default().push(fact);
    }
}

impl Observer for Order {
    fn connection_opened(&self, _: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        self.note(connection, "opened");
        if self.closes_session {
            http_session().unwrap().close();
        }
    }

    fn connection_closed(&self, connection: &Arc<ConnectionInfo>, _: &ConnectionClosed) {
        self.note(connection, "closed");
    }
}

#[tokio::test]
async fn no_observer_hears_of_a_close_before_it_has_heard_of_the_open() {
    see_no_closes();
    let server = Server::start();
    let [closes, listens] = [true, false].map(|closes_session| {
        Arc::new(Order {
            closes_session,
            ..Order::default()
        })
    });
    let context = builder()
        .observer(Arc::<Order>::clone(&closes))
        .observer(Arc::<Order>::clone(&listens));
    let work = context.open(async {
        let request = http_session().unwrap().get(server.url("/ok"));
        assert!(request.send().await.unwrap_err().is_session_closed());
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    for observer in [closes, listens] {
        let facts = std::mem::take(&mut *observer.facts.lock().unwrap());
        let facts: Vec<_> = facts.into_values().collect();
        assert_eq!(facts, [["opened", "closed"]]);
    }
    assert_eq!(open_to(&server), 0);
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "nobody but the kernel says which are gone"
)]
async fn a_session_that_opens_very_many_connections_forgets_those_that_are_gone() {
    const MANY: u64 = 1_024;
    let (rig, server) = (rig(Wire::Http1), Server::start());
    let context = rig.context().max_connections_per_host(2_000);
    let work = context.open(async {
        let at_once = join_all((0..MANY).map(|_| read(server.url("/slow-head"))));
        let release = async {
            server.wait_until(|counts| counts.held == MANY).await;
            server.gate().open();
        };
        tokio::join!(at_once, release);
        server.close_idle();
        sockets::wait_until(server.addr(), 0).await;
        let open = u64::try_from(rig.exported().open_connections()).unwrap();
        assert_eq!(open, MANY, "nobody sees that");
        read(server.url("/ok")).await;
        let exported = rig.exported();
        assert_eq!(exported.open_connections(), 1, "{exported}");
        assert_eq!(open_to(&server), 1);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    assert_eq!(exported.open_connections(), 0, "{exported}");
    exported.assert_sound();
}

#[tokio::test]
async fn nothing_is_left_of_a_thousand_contexts() {
    let (rig, server) = (rig(Wire::Http1), Server::start());
    for context in [rig.context(), builder()] {
        run_a_thousand(&context, &server).await;
    }
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::Unknown), 1_000);
    exported.assert_sound();
}
