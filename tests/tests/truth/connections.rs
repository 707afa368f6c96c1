//! What is said of connections is what the server and the kernel saw.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_context::{OpenError, http_session};
use http_context_middleware::{CloseReason, NoCloses};
use http_context_tests::{At, Fault, FaultProxy, Script, Server, sockets};
use reqwest_middleware::{Middleware, Next};

use crate::rig::{Rig, Wire};

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
        let closed = |reason| {
            exported.sum(
                "http_context_connections_closed_total",
                &[("reason", reason)],
            )
        };
        assert_eq!(closed("session_closed"), 1, "{wire:?} {exported}");
        let requests = "http_context_connection_requests";
        assert_eq!(exported.sum(&format!("{requests}_sum"), &[]), 5);
        let idle = "http_context_connection_idle_seconds";
        assert_eq!(exported.count(idle, &[]), 4);
    }
}

fn closed(exported: &crate::rig::Exported, reason: &str) -> i64 {
    let reason = [("reason", reason)];
    exported.sum("http_context_connections_closed_total", &reason)
}

async fn read(url: String) {
    let session = http_session().unwrap();
    let response = session.get(url).send().await.unwrap();
    response.bytes().await.unwrap();
}

#[tokio::test]
async fn a_server_that_closes_is_told_as_remote() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                read(server.url("/ok")).await;
                server.close_idle();
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                assert_eq!(closed(&exported, "remote"), 1, "{wire:?} {exported}");
                if !wire.is_http2() {
                    read(server.url("/close")).await;
                    let exported = rig.wait_until(|e| closed(e, "remote") == 2).await;
                    assert_eq!(exported.open_connections(), 0);
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        rig.exported().assert_sound();
    }
}

#[tokio::test]
async fn a_connection_that_is_idle_for_too_long_is_told_as_such() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .keep_alive(Duration::from_millis(100))
            .open(async {
                read(server.url("/ok")).await;
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                assert_eq!(closed(&exported, "idle_timeout"), 1, "{wire:?} {exported}");
                assert_eq!(sockets::to(server.addr()), []);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let closed = rig.instrumentation.ledger().recently_closed();
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].requests, 1);
        assert_eq!(closed[0].closed.unwrap().1, CloseReason::IdleTimeout);
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

#[tokio::test]
async fn connections_that_raced_and_carried_nothing_are_told() {
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            for _ in 0..200 {
                let get = || session.get(server.url("/ok")).send();
                let (one, two, three) = tokio::join!(get(), get(), get());
                for response in [one, two, three] {
                    response.unwrap().bytes().await.unwrap();
                }
            }
            // What is still being made when nobody needs it any more may open later.
            let held = i64::try_from(sockets::established_to(server.addr())).unwrap();
            rig.wait_until(|e| e.open_connections() == held).await;
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    assert_eq!(exported.ends().answered, 600);
}

#[tokio::test]
async fn redirects_are_counted_and_their_hops_are_not_responses() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                for _ in 0..10 {
                    read(server.url("/redirect/3")).await;
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert_eq!(exported.sum("http_context_redirects_total", &[]), 30);
        assert_eq!(exported.ends().answered, 10);
        assert_eq!(server.counts().heads, 40);
        assert_eq!(
            exported.opened(),
            i64::try_from(server.counts().accepted).unwrap()
        );
    }
}

#[tokio::test]
async fn a_connection_belongs_to_the_host_that_a_redirect_leads_to() {
    let target = Server::start();
    let location = target.url("/ok");
    let front = Server::builder()
        .handler("/away", move |_| {
            let location = location.clone();
            async move {
                let response = http::Response::builder()
                    .status(307)
                    .header("location", location);
                response.body(http_context_tests::empty_body()).unwrap()
            }
        })
        .start();
    let rig = Rig::new(Wire::Http1);
    rig.context()
        .open(async {
            read(front.url("/away")).await;
            read(front.url("/away")).await;
            for server in [&front, &target] {
                let port = server.addr().port().to_string();
                let of_server = [("server_port", port.as_str())];
                let exported = rig.exported();
                let open = exported.sum("http_client_open_connections", &of_server);
                assert_eq!(open, 1, "{exported}");
            }
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    rig.wait_until(|e| e.open_connections() == 0)
        .await
        .assert_sound();
}

#[tokio::test]
async fn where_nobody_tells_closes_the_reason_is_unknown() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let rig = Rig::with(wire, |b| b.connection_closes(Arc::new(NoCloses)));
        assert!(!rig.instrumentation.ledger().sees_closes());
        rig.context()
            .open(async {
                read(server.url("/ok")).await;
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        assert_eq!(closed(&exported, "unknown"), 1, "{wire:?} {exported}");
        exported.assert_sound();
    }
}

#[test]
fn closes_are_told_in_one_runtime_after_another_and_keep_none_alive() {
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
            rig.wait_until(|e| closed(e, "session_closed") == 1).await;
        });
        // The connection's own task ends last; after it nothing is left.
        runtime.block_on(async {
            while runtime.metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        });
    }
}

#[tokio::test]
async fn a_connect_is_told_by_how_it_went() {
    let (rig, server) = (
        Rig::new(Wire::TlsHttp1),
        Wire::TlsHttp1.server(Server::builder()),
    );
    let proxy = FaultProxy::start(server.addr());
    let url = format!("https://{}/close", proxy.addr());
    let not_tls = Fault::Say(Bytes::from_static(b"SSH-2.0-OpenSSH_9.9\r\n"));
    let faults = [
        ("connection_error", Fault::Reset, 1),
        ("secure_connection_error", not_tls, 2),
    ];
    let work = rig.context().open(async {
        let session = http_session().unwrap();
        for (_, fault, times) in &faults {
            for _ in 0..*times {
                proxy.push(Script::fault(At::Accept, fault.clone()));
                session.get(&url).send().await.unwrap_err();
            }
        }
        for _ in 0..3 {
            read(url.clone()).await;
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    let connects = "http_context_connection_create_duration_seconds";
    for (error, _, times) in faults {
        let failed = exported.count(connects, &[("error_type", error)]);
        assert_eq!(failed, times, "{error} {exported}");
    }
    assert_eq!(exported.opened(), 3, "{exported}");
    exported.assert_sound();
}

#[tokio::test]
async fn a_connect_that_takes_too_long_is_told_as_a_timeout_and_one_that_is_given_up_is_not() {
    let (rig, server) = (
        Rig::new(Wire::TlsHttp1),
        Wire::TlsHttp1.server(Server::builder()),
    );
    let proxy = FaultProxy::start(server.addr());
    let url = format!("https://{}/ok", proxy.addr());
    let patience = Duration::from_millis(50);
    let context = rig.context();
    let work = context
        .configure(move |client| client.connect_timeout(patience))
        .open(async {
            proxy.push(Script::fault(At::Accept, Fault::Stall));
            let error = http_session().unwrap().get(&url).send().await.unwrap_err();
            assert!(error.is_timeout() && error.is_connect(), "{error:?}");
            Ok::<_, OpenError>(())
        });
    work.await.unwrap();
    let given_up = rig.context().open(async {
        proxy.push(Script::fault(At::Accept, Fault::Stall));
        tokio::select! {
            _ = http_session().unwrap().get(&url).send() => unreachable!("it never connects"),
            _ = proxy.wait_until(|counts| counts.stalled == 2) => {}
        }
        Ok::<_, OpenError>(())
    });
    given_up.await.unwrap();
    let exported = rig.exported();
    let connects = "http_context_connection_create_duration_seconds";
    let took = exported.count(connects, &[("error_type", "timeout")]);
    assert_eq!((took, exported.count(connects, &[])), (1, 1), "{exported}");
    exported.assert_sound();
}

/// Answers requests to a path itself.
struct Answers(&'static str);

#[async_trait]
impl Middleware for Answers {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        if request.url().path() == self.0 {
            return Ok(http::Response::new("of its own").into());
        }
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn a_response_is_told_by_the_use_of_its_connection() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let work = rig.context().with(Answers("/by-itself")).open(async {
            for path in ["/ok"; 3].into_iter().chain(["/by-itself"; 3]) {
                read(server.url(path)).await;
            }
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        let uses = ["new", "reused", "unknown"].map(|source| {
            let source = [("source", source)];
            exported.sum("http_context_request_connections_total", &source)
        });
        assert_eq!(uses, [1, 2, 3], "{wire:?} {exported}");
        exported.assert_sound();
    }
}

#[tokio::test]
async fn a_redirected_request_is_on_a_connection_to_the_host_that_it_leads_to() {
    let target = Server::start();
    let location = target.url("/slow-head");
    let front = Server::builder()
        .handler("/away", move |_| {
            let location = location.clone();
            async move {
                let response = http::Response::builder()
                    .status(307)
                    .header("location", location);
                response.body(http_context_tests::empty_body()).unwrap()
            }
        })
        .start();
    let rig = Rig::new(Wire::Http1);
    let states = |server: &Server| rig.exported().active_and_idle_to(server.addr());
    rig.context()
        .open(async {
            // Over connections that are made for it, and over those that are there.
            for _ in 0..2 {
                let request = read(front.url("/away"));
                let look = async {
                    target.wait_until(|counts| counts.held == 1).await;
                    assert_eq!((states(&front), states(&target)), ((0, 1), (1, 0)));
                    target.gate().let_one_pass();
                };
                tokio::join!(request, look);
                assert_eq!((states(&front), states(&target)), ((0, 1), (0, 1)));
            }
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
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
async fn a_cancelled_request_takes_one_http1_connection_along_and_the_next_is_its_peers_to_close() {
    for wire in [Wire::Http1, Wire::TlsHttp1] {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                read(server.url("/ok")).await;
                cancel(&server).await;
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                assert_eq!(exported.closed(CloseReason::Unknown), 1, "{exported}");
                read(server.url("/ok")).await;
                server.close_idle();
                let exported = rig.wait_until(|e| e.open_connections() == 0).await;
                assert_eq!(exported.closed(CloseReason::Remote), 1, "{exported}");
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_comes_too_late_is_idle_and_its_first_request_does_not_reuse_it() {
    // Before its request is answered over another one, and after.
    for is_awaited in [true, false] {
        let (rig, server) = (
            Rig::new(Wire::TlsHttp1),
            Wire::TlsHttp1.server(Server::builder()),
        );
        let proxy = FaultProxy::start(server.addr());
        proxy.push(Script::new());
        proxy.push(Script::fault(At::ResponseBytes(0), Fault::Stall));
        let come = async || {
            proxy.gate().open();
            rig.wait_until(|e| e.open_connections() == 2).await;
        };
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                let get = |path: &str| session.get(format!("https://{}{path}", proxy.addr()));
                let first = get("/slow-body").send().await.unwrap();
                let second = async { get("/slow-head").send().await.unwrap() };
                let late = async {
                    proxy.wait_until(|counts| counts.stalled == 1).await;
                    server.gate().let_one_pass();
                    first.bytes().await.unwrap();
                    server.wait_until(|counts| counts.held == 1).await;
                    if is_awaited {
                        come().await;
                    }
                    server.gate().let_one_pass();
                };
                let (second, ()) = tokio::join!(second, late);
                if !is_awaited {
                    come().await;
                }
                second.bytes().await.unwrap();
                assert_eq!(rig.exported().active_and_idle(), (0, 2), "{is_awaited}");
                let both = async {
                    server.wait_until(|counts| counts.held == 2).await;
                    assert_eq!(rig.exported().active_and_idle(), (2, 0), "{is_awaited}");
                    server.gate().open();
                };
                let held = || get("/slow-head").send();
                let (third, fourth, ()) = tokio::join!(held(), held(), both);
                drop((third.unwrap(), fourth.unwrap()));
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        let uses = "http_context_request_connections_total";
        assert_eq!(exported.sum(uses, &[("source", "new")]), 2, "{exported}");
        let idle = "http_context_connection_idle_seconds";
        assert_eq!(exported.count(idle, &[]), 2, "{exported}");
        exported.assert_sound();
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
