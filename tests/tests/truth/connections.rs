//! What is said of connections is what the server and the kernel saw.

use std::time::Duration;

use http_context::{CloseReason, OpenError, SessionPool, builder, http_session, open_connections};
use http_context_tests::{BY_ITS_SESSION, Server, sockets};

use crate::rig::{Exported, Rig, Wire};

#[tokio::test]
async fn open_connections_are_the_sockets_that_this_process_holds() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                for round in 1..=5 {
                    let response = session.get(server.url("/ok")).send().await.unwrap();
                    response.bytes().await.unwrap();
                    let exported = rig.exported();
                    assert_eq!(exported.open_connections(), 1, "{wire:?} {exported}");
                    assert_eq!(sockets::established_to(server.addr()), 1);
                    assert_eq!(
                        rig.instrumentation.ledger().connections()[0].requests,
                        round
                    );
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        let closed = exported.closed_here(wire, BY_ITS_SESSION);
        assert_eq!(closed, 1, "{wire:?} {exported}");
        let requests = "http_context_connection_requests";
        assert_eq!(exported.sum(&format!("{requests}_sum"), &[]), 5);
        let idle = "http_context_connection_idle_seconds";
        assert_eq!(exported.count(idle, &[]), 4);
    }
}

pub(crate) async fn read(url: String) {
    let session = http_session().unwrap();
    let response = session.get(url).send().await.unwrap();
    response.bytes().await.unwrap();
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "a close is seen while its session is open"
)]
async fn a_server_that_closes_is_exported_as_remote_unless_this_side_is_quicker() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let closed = |exported: &Exported| {
            let reasons = [CloseReason::Remote, CloseReason::SessionClosed];
            reasons.map(|reason| exported.closed(reason))
        };
        rig.context()
            .open(async {
                read(server.url("/ok")).await;
                server.close_idle();
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                let first = closed(&exported);
                if wire == Wire::Http1 {
                    assert_eq!(first, [1, 0], "{wire:?} {exported}");
                } else {
                    // TLS and HTTP/2 say beforehand that they end, whereupon this side closes.
                    assert!(matches!(first, [1, 0] | [0, 1]), "{wire:?} {exported}");
                }
                if !wire.is_http2() {
                    read(server.url("/close")).await;
                    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                    // It says so with its response, whereupon both close.
                    assert_eq!(closed(&exported).iter().sum::<i64>(), 2, "{exported}");
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        rig.exported().assert_sound();
    }
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "a close is seen while its session is open"
)]
async fn a_connection_that_is_idle_for_too_long_is_exported_as_such() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .keep_alive(Duration::from_millis(100))
            .open(async {
                read(server.url("/ok")).await;
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                let closed = exported.closed_here(wire, CloseReason::IdleTimeout);
                assert_eq!(closed, 1, "{wire:?} {exported}");
                assert_eq!(sockets::to(server.addr()), []);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let closed = rig.instrumentation.ledger().recently_closed();
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].requests, 1);
        if wire == Wire::Http1 {
            assert_eq!(closed[0].closed.unwrap().1, CloseReason::IdleTimeout);
        }
    }
}

#[tokio::test]
async fn a_connection_is_active_while_a_request_is_on_it_and_idle_after() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let state = |state| {
            let state = [("http_connection_state", state)];
            rig.exported().sum("http_client_open_connections", &state)
        };
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                // Twice, so that a connection which was opened for the request and one which was
                // taken from the pool are both seen.
                for gate in ["a", "b"] {
                    let request = session
                        .get(server.url(&format!("/slow-body/{gate}")))
                        .send();
                    let response = request.await.unwrap();
                    assert_eq!((state("active"), state("idle")), (1, 0), "{wire:?}");
                    server.gate_named(gate).open();
                    response.bytes().await.unwrap();
                    assert_eq!((state("active"), state("idle")), (0, 1), "{wire:?}");
                }
                for gate in ["c", "d"] {
                    let request = session
                        .get(server.url(&format!("/slow-head/{gate}")))
                        .send();
                    let look = async {
                        server.wait_until(|counts| counts.held == 1).await;
                        assert_eq!((state("active"), state("idle")), (1, 0), "{wire:?}");
                        server.gate_named(gate).open();
                    };
                    let (response, ()) = tokio::join!(request, look);
                    response.unwrap().bytes().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        rig.wait_until(|e| e.open_connections() == 0)
            .await
            .assert_sound();
    }
}

#[test]
fn closes_are_seen_in_one_runtime_after_another_and_keep_none_alive() {
    let server = Server::start();
    for flavour in 0..4 {
        let rig = Rig::new(Wire::Http1);
        let mut builder = if flavour % 2 == 0 {
            tokio::runtime::Builder::new_current_thread()
        } else {
            tokio::runtime::Builder::new_multi_thread()
        };
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let context = rig.context().open(async {
                read(server.url("/ok")).await;
                Ok::<_, OpenError>(())
            });
            context.await.unwrap();
            rig.wait_until(|e| e.closed(BY_ITS_SESSION) == 1).await;
        });
        // The connection's own task ends last; after it nothing is left.
        runtime.block_on(async {
            while runtime.metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Sends a request that the server never answers, and drops it there.
async fn cancel(server: &Server) {
    let session = http_session().unwrap();
    tokio::select! {
        _ = session.get(server.url("/never")).send() => unreachable!("it never answers"),
        _ = server.wait_until(|counts| counts.held == 1) => {}
    }
}

#[tokio::test]
async fn a_cancelled_request_leaves_an_http2_connection_idle() {
    for wire in [Wire::Http2, Wire::TlsHttp2] {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                read(server.url("/ok")).await;
                cancel(&server).await;
                assert_eq!(rig.exported().active_and_idle(), (0, 1), "{wire:?}");
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "a close is seen while its session is open"
)]
async fn a_cancelled_request_takes_one_http1_connection_along_and_the_next_is_its_peers_to_close() {
    for wire in [Wire::Http1, Wire::TlsHttp1] {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                read(server.url("/ok")).await;
                cancel(&server).await;
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                let closed = exported.closed_here(wire, CloseReason::SessionClosed);
                assert_eq!(closed, 1, "{wire:?} {exported}");
                read(server.url("/ok")).await;
                server.close_idle();
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                if wire == Wire::Http1 {
                    // TLS says beforehand that it ends, whereupon this side closes.
                    assert_eq!(exported.closed(CloseReason::Remote), 1, "{exported}");
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_request_on_a_connection_with_others_has_not_found_it_idle() {
    for wire in [Wire::Http2, Wire::TlsHttp2] {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let idle = || {
            rig.exported()
                .count("http_context_connection_idle_seconds", &[])
        };
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                let long = session.get(server.url("/slow-body")).send().await.unwrap();
                for _ in 0..2 {
                    read(server.url("/ok")).await;
                    assert_eq!(idle(), 0, "{wire:?}");
                }
                server.gate().open();
                long.bytes().await.unwrap();
                read(server.url("/ok")).await;
                assert_eq!(idle(), 1, "{wire:?}");
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
    }
}

/// How many connections to this server the process takes for open.
fn open_to(server: &Server) -> usize {
    let to = Some(server.addr());
    let open = open_connections();
    let remotes = open
        .iter()
        .map(|one| one.info.addresses.map(|pair| pair.remote));
    remotes.filter(|remote| *remote == to).count()
}

#[tokio::test]
async fn nothing_is_left_of_a_thousand_contexts() {
    const CONTEXTS: i64 = 1_000;
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    let pools = [builder().session_options(), rig.context().session_options()]
        .map(|options| SessionPool::builder().session(options).build());
    let contexts = [
        builder(),
        builder().pool(pools[0].clone()),
        rig.context(),
        rig.context().pool(pools[1].clone()),
    ];
    for (nth, context) in contexts.into_iter().enumerate() {
        for _ in 0..CONTEXTS {
            let work = context.clone().open(async {
                read(server.url("/ok")).await;
                Ok::<_, OpenError>(())
            });
            work.await.unwrap();
        }
        if nth == 2 {
            let all = |e: &Exported| e.closed(BY_ITS_SESSION) == CONTEXTS;
            rig.wait_until(all).await.assert_sound();
        }
        assert_eq!(open_to(&server), [0, 1, 1, 2][nth]);
    }
    for pool in pools {
        assert!(pool.close().await.is_clean());
    }
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    assert_eq!(exported.closed(BY_ITS_SESSION), CONTEXTS + 1);
    assert_eq!(open_to(&server), 0);
}
