//! Each request is counted once, by how it ended.

use std::net::SocketAddr;

use http_context::{ContextBuilder, OpenError, http_session};
use http_context_tests::{Server, tls::Leaf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::{Ends, Rig, Wire};

const DURATION: &str = "http_client_request_duration_seconds";

#[tokio::test]
async fn an_answered_request_is_exported_with_its_attributes() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                for path in ["/bytes/1000", "/status/404", "/status/503"] {
                    let response = session.get(server.url(path)).send().await.unwrap();
                    response.bytes().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        let version = if wire.is_http2() { "2" } else { "1.1" };
        let port = server.addr().port().to_string();
        for status in ["200", "404", "503"] {
            let labels = [
                ("server_address", "127.0.0.1"),
                ("server_port", &port),
                ("http_request_method", "GET"),
                ("http_response_status_code", status),
                ("network_protocol_version", version),
            ];
            assert_eq!(exported.count(DURATION, &labels), 1, "{wire:?} {exported}");
            let failed = [
                ("http_response_status_code", status),
                ("error_type", status),
            ];
            let expected = i64::from(status != "200");
            assert_eq!(exported.count(DURATION, &failed), expected, "{exported}");
        }
        let sizes = "http_client_response_body_size_bytes";
        assert_eq!(exported.sum(&format!("{sizes}_sum"), &[]), 1000);
        assert_eq!(exported.count(sizes, &[]), 3);
        let ends = Ends {
            answered: 3,
            ..Ends::default()
        };
        assert_eq!(exported.ends(), ends);
        exported.assert_sound();
        assert_eq!(
            exported.opened(),
            i64::try_from(server.counts().accepted).unwrap()
        );
    }
}

/// What a request that fails in one known way is counted as.
async fn error_type_of<F>(
    wire: Wire,
    context: impl FnOnce(ContextBuilder) -> ContextBuilder,
    request: F,
) -> String
where
    F: AsyncFnOnce(),
{
    let rig = Rig::new(wire);
    context(rig.context())
        .open(async {
            request().await;
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    let failed = Ends {
        failed: 1,
        ..Ends::default()
    };
    assert_eq!(exported.ends(), failed, "{exported}");
    exported.assert_sound();
    let series = exported.series("http_client_request_duration_seconds_count");
    let error = series[0].iter().find(|(name, _)| name == "error_type");
    error.unwrap().1.clone()
}

async fn get(url: impl AsRef<str>) {
    let session = http_session().unwrap();
    session.get(url.as_ref()).send().await.unwrap_err();
}

#[tokio::test]
async fn a_refused_connection_is_a_connection_error() {
    let mut server = Server::start();
    let url = server.url("/ok");
    server.shutdown();
    let error = error_type_of(Wire::Http1, |c| c, async || get(url).await).await;
    assert_eq!(error, "connection_error");
}

#[tokio::test]
async fn a_name_that_is_not_known_is_a_name_resolution_error() {
    struct Nothing;
    impl reqwest::dns::Resolve for Nothing {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            Box::pin(async { Err("there is no such name".into()) })
        }
    }
    let resolver = |c: ContextBuilder| c.dns_resolver(std::sync::Arc::new(Nothing));
    let get = async || get("http://nowhere.test/").await;
    assert_eq!(
        error_type_of(Wire::Http1, resolver, get).await,
        "name_resolution_error"
    );
}

#[tokio::test]
async fn a_lookup_that_finds_nothing_has_failed_and_one_that_finds_something_has_not() {
    struct Of(SocketAddr);
    impl reqwest::dns::Resolve for Of {
        fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
            let found = (name.as_str() == "server.test").then_some(self.0);
            let found: reqwest::dns::Addrs = Box::new(found.into_iter());
            Box::pin(async { Ok(found) })
        }
    }
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    let lookups = || {
        let (exported, name) = (rig.exported(), "dns_lookup_duration_seconds");
        let failed = [("error_type", "name_resolution_error")];
        (exported.count(name, &[]), exported.count(name, &failed))
    };
    rig.context()
        .dns_resolver(std::sync::Arc::new(Of(server.addr())))
        .open(async {
            let session = http_session().unwrap();
            let found = session.get(server.url_at("server.test", "/ok"));
            found.send().await.unwrap();
            assert_eq!(lookups(), (1, 0));
            get(server.url_at("nowhere.test", "/ok")).await;
            assert_eq!(lookups(), (2, 1));
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_secure_connection_error() {
    let server = Server::builder().tls_with(Leaf::WrongName).start();
    let get = async || get(server.url("/ok")).await;
    assert_eq!(
        error_type_of(Wire::TlsHttp1, |c| c, get).await,
        "secure_connection_error"
    );
}

#[tokio::test]
async fn a_redirect_too_many_is_a_redirect_error() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let get = async || get(server.url("/redirect/20")).await;
        assert_eq!(
            error_type_of(wire, |c| c, get).await,
            "redirect_error",
            "{wire:?}"
        );
    }
}

#[tokio::test]
async fn a_response_that_takes_too_long_is_a_timeout() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let get = async || {
            let session = http_session().unwrap();
            let request = session.get(server.url("/never"));
            let request = request.timeout(std::time::Duration::from_millis(20));
            request.send().await.unwrap_err();
        };
        assert_eq!(error_type_of(wire, |c| c, get).await, "timeout", "{wire:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_an_invalid_response() {
    let addr = answering(b"SSH-2.0-OpenSSH\r\n\r\n").await;
    let get = async || get(format!("http://{addr}/")).await;
    assert_eq!(
        error_type_of(Wire::Http1, |c| c, get).await,
        "invalid_response"
    );
}

#[tokio::test]
async fn half_a_head_is_a_response_that_ended() {
    let addr = answering(b"HTTP/1.1 200 OK\r\nContent-Le").await;
    let get = async || get(format!("http://{addr}/")).await;
    assert_eq!(
        error_type_of(Wire::Http1, |c| c, get).await,
        "response_ended"
    );
}

#[tokio::test]
async fn a_body_that_fails_to_be_read_is_a_request_body_error() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let post = async || {
            let pieces = [Ok("first"), Err(std::io::Error::other("the disk is gone"))];
            let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
            let session = http_session().unwrap();
            let request = session.post(server.url("/upload")).body(body);
            request.send().await.unwrap_err();
        };
        let error = error_type_of(wire, |c| c, post).await;
        assert_eq!(error, "request_body_error", "{wire:?}");
    }
}

#[tokio::test]
async fn a_session_that_closes_under_a_request_is_exported_and_not_as_an_abort() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let get = async || {
            let session = http_session().unwrap();
            let request = session.get(server.url("/never")).send();
            let close = async {
                server.wait_until(|counts| counts.held == 1).await;
                session.close();
            };
            let (result, ()) = tokio::join!(request, close);
            assert!(result.unwrap_err().is_session_closed());
        };
        assert_eq!(
            error_type_of(wire, |c| c, get).await,
            "session_closed",
            "{wire:?}"
        );
    }
}

/// Accepts connections, and answers the first bytes on each with these, and then nothing.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer).await;
        }
    });
    addr
}

#[tokio::test]
async fn a_queue_that_is_too_slow_is_exported_and_so_is_the_wait_of_the_others() {
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    let queue = |limit| {
        rig.context()
            .max_connections_per_host(1)
            .queue_timeout(std::time::Duration::from_millis(limit))
    };
    for (limit, failed) in [(10, 1), (10_000, 0)] {
        queue(limit)
            .open(async {
                let session = http_session().unwrap();
                let gate = server.gate_named(&limit.to_string());
                let held = session
                    .get(server.url(&format!("/slow-head/{limit}")))
                    .send();
                let queued = async {
                    server.wait_until(|counts| counts.held == 1).await;
                    let queued = session.get(server.url("/ok")).send();
                    tokio::pin!(queued);
                    if failed == 0 {
                        assert!(futures_util::poll!(&mut queued).is_pending());
                        gate.open();
                    }
                    let result = queued.await.map(drop);
                    gate.open();
                    result
                };
                let (held, queued) =
                    tokio::join!(async { held.await.unwrap().bytes().await }, queued);
                held.unwrap();
                assert_eq!(queued.is_err(), failed == 1);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
    }
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    assert_eq!(
        exported.count(DURATION, &[("error_type", "queue_timeout")]),
        1
    );
    let waits = "http_client_request_time_in_queue_seconds";
    assert_eq!(
        exported.count(waits, &[("http_request_method", "GET")]),
        1,
        "{exported}"
    );
    exported.assert_sound();
}
