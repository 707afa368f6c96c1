//! How connections are made, and which of them a response came over.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_context::{OpenError, http_session};
use http_context_tests::{At, Fault, FaultProxy, Script, Server, sockets};
use reqwest_middleware::{Middleware, Next};

use crate::connections::read;
use crate::rig::{Rig, Wire};

#[tokio::test]
async fn connections_that_raced_and_carried_nothing_are_exported() {
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
async fn a_connect_is_exported_by_how_it_went() {
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
async fn a_connect_that_takes_too_long_is_exported_as_a_timeout_and_one_that_is_given_up_is_not() {
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
        let get = || http_session().unwrap().get(&url);
        proxy.push(Script::fault(At::Accept, Fault::Stall));
        tokio::select! {
            _ = get().send() => unreachable!("it never connects"),
            _ = proxy.wait_until(|counts| counts.stalled == 2) => {}
        }
        // The request took too long, whatever it did.
        proxy.push(Script::fault(At::Accept, Fault::Stall));
        let error = get().timeout(patience).send().await.unwrap_err();
        assert!(error.is_timeout() && !error.is_connect(), "{error:?}");
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
async fn a_response_is_counted_by_the_use_of_its_connection() {
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
