//! The opt-in span of the life of an upgraded connection, and the span of the request that upgraded it.

use std::time::Duration;

use http_context::websocket::{CloseCode, Message};
use http_context::{OpenError, http_session};
use http_context_middleware::attribute as name;
use http_context_tests::{UpgradeServer, WebSocketPeer, WebSocketServer};
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::context_span::context_span;
use crate::stage::{Stage, WAYS, attribute, sampled, spans_to, text};

/// Asks for an upgrade. Has five bytes echoed and drops it, or has the peer hang up.
pub(crate) async fn upgrade(url: String, ends_by_the_peer: bool) -> Result<(), OpenError> {
    let session = http_session()?;
    let request = session.get(url).header("upgrade", "websocket");
    let request = request.header("connection", "upgrade").build().unwrap();
    let mut io = session.upgrade(request).await.unwrap();
    let text: &[u8] = if ends_by_the_peer { b"bye\n" } else { b"hello" };
    io.write_all(text).await.unwrap();
    io.flush().await.unwrap();
    let mut back = Vec::new();
    if ends_by_the_peer {
        let _ = io.read_to_end(&mut back).await;
    } else {
        io.read_exact(&mut [0; 5]).await.unwrap();
    }
    Ok(())
}

/// The spans to a server: those of upgraded connections, and those of requests.
fn spans(server: &UpgradeServer) -> (Vec<SpanData>, Vec<SpanData>) {
    let spans = spans_to(server.addr().port()).into_iter();
    spans.partition(|span| span.span_kind == SpanKind::Internal)
}

#[tokio::test]
async fn an_upgraded_connection_has_a_span_that_links_to_the_request() {
    for way in WAYS {
        let server = UpgradeServer::start();
        let stage = Stage::with(way, |builder| builder.upgrade_spans(true));
        let work = stage.context().open(upgrade(server.url("/"), false));
        work.await.unwrap();
        let (lives, requests) = spans(&server);
        assert_eq!((lives.len(), requests.len()), (1, 1), "{way:?}");
        let (life, request) = (&lives[0], &requests[0]);
        let expected = format!("HTTP upgraded_connection {}", server.addr());
        assert_eq!(life.name, expected);
        assert_eq!(life.parent_span_id, SpanId::INVALID, "a trace of its own");
        let links: Vec<_> = life.links.iter().map(|l| &l.span_context).collect();
        assert_eq!(links, [&request.span_context], "{way:?}");
        assert_eq!(life.status, Status::Unset);
        assert!(life.start_time >= request.start_time && life.end_time >= request.end_time);
        for (key, value) in [
            (name::PROTOCOL, "websocket"),
            (name::REASON, "local"),
            (name::SERVER_ADDRESS, "127.0.0.1"),
        ] {
            assert_eq!(text(life, key).as_deref(), Some(value), "{way:?}");
        }
        for key in [
            name::HTTP_CONTEXT_UPGRADED_BYTES_SENT,
            name::HTTP_CONTEXT_UPGRADED_BYTES_RECEIVED,
        ] {
            assert_eq!(attribute(life, key), Some(5.into()), "{way:?} {key}");
        }
        let dropped = attribute(life, name::HTTP_CONTEXT_UPGRADED_DROPPED);
        assert_eq!(dropped, Some(true.into()), "{way:?}");
        for key in [name::HTTP_CONTEXT_ID, name::HTTP_CONTEXT_CONNECTION_ID] {
            assert_eq!(attribute(life, key), attribute(request, key), "{way:?}");
            assert!(attribute(life, key).is_some(), "{way:?} {key}");
        }
        for one in &life.attributes {
            assert!(
                name::UPGRADED_SPAN.contains(&one.key.as_str()) || is_of_tracing(one.key.as_str()),
                "{way:?} {}",
                one.key
            );
        }
        for shown in sampled(&life.name) {
            let first = &name::UPGRADED_SPAN[..5];
            assert!(
                first.iter().all(|key| shown.iter().any(|s| s == key)),
                "{shown:?}"
            );
        }
        // The one of the handshake is as that of any other response.
        assert_eq!(request.status, Status::Unset);
        let status = attribute(request, name::HTTP_RESPONSE_STATUS_CODE);
        assert_eq!(status, Some(101.into()), "{way:?}");
        assert_eq!(attribute(request, name::ERROR_TYPE), None, "{way:?}");
    }
}

/// What `tracing-opentelemetry` adds to every span.
fn is_of_tracing(key: &str) -> bool {
    ["code.", "thread.", "busy_ns", "idle_ns", "target"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

#[tokio::test]
async fn one_that_breaks_has_a_span_with_its_error() {
    for way in WAYS {
        // It hangs up without a word, which over TLS may be anybody's doing.
        let server = UpgradeServer::start_tls();
        let stage = Stage::with(way, |builder| builder.upgrade_spans(true));
        let tls = http_context::Tls::Config(http_context_tests::tls::client_config());
        let work = stage
            .context()
            .tls(tls)
            .open(upgrade(server.url("/"), true));
        work.await.unwrap();
        let (lives, _) = spans(&server);
        assert_eq!(lives.len(), 1, "{way:?}");
        let error = text(&lives[0], name::ERROR_TYPE);
        assert_eq!(error.as_deref(), Some("connection_error"), "{way:?}");
        assert_eq!(lives[0].status, Status::error(""), "{way:?}");
    }
}

#[tokio::test]
async fn one_that_breaks_is_an_event_of_the_span_of_its_context_and_one_that_ends_is_none() {
    for way in WAYS {
        for (ends_by_the_peer, expected) in
            [(true, &["http_context.upgrade_failed"][..]), (false, &[])]
        {
            let server = UpgradeServer::start_tls();
            let name = format!("broken {ends_by_the_peer} {way:?}");
            let tls = http_context::Tls::Config(http_context_tests::tls::client_config());
            let stage = Stage::new(way);
            let context = stage.context().name(name.clone()).tls(tls);
            let work = context.open(upgrade(server.url("/"), ends_by_the_peer));
            work.await.unwrap();
            let span = context_span(&name);
            let events: Vec<_> = span.events.iter().map(|event| &*event.name).collect();
            assert_eq!(events, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn without_the_option_there_is_no_such_span() {
    for way in WAYS {
        let server = UpgradeServer::start();
        let stage = Stage::new(way);
        let work = stage.context().open(upgrade(server.url("/"), false));
        work.await.unwrap();
        let (lives, requests) = spans(&server);
        assert_eq!((lives.len(), requests.len()), (0, 1), "{way:?}");
    }
}

#[tokio::test]
async fn the_span_of_a_websocket_has_its_messages_and_how_it_was_closed() {
    for way in WAYS {
        let server = WebSocketServer::start();
        let (echoes, is_mute) = (WebSocketPeer::echoes(), WebSocketPeer::opens().stays());
        let (echoes, is_mute) = (server.serve(echoes), server.serve(is_mute));
        let stage = Stage::with(way, |builder| builder.upgrade_spans(true));
        let work = stage.context().open(async {
            let session = http_session()?;
            let mut socket = session.websocket(echoes).connect().await.unwrap();
            socket.send(Message::text("hello")).await.unwrap();
            socket.next().await.unwrap().unwrap();
            socket.close(CloseCode::Away, "").await.unwrap();
            let silent = session
                .websocket(is_mute)
                .heartbeat(Duration::from_millis(10));
            let mut silent = silent.connect().await.unwrap();
            silent.next().await.unwrap().unwrap_err();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let lives: Vec<_> = spans_to(server.addr().port())
            .into_iter()
            .filter(|span| span.span_kind == SpanKind::Internal)
            .collect();
        assert_eq!(lives.len(), 2, "{way:?}");
        for key in [
            name::HTTP_CONTEXT_WEBSOCKET_MESSAGES_SENT,
            name::HTTP_CONTEXT_WEBSOCKET_MESSAGES_RECEIVED,
        ] {
            assert_eq!(attribute(&lives[0], key), Some(2.into()), "{way:?} {key}");
        }
        let code = attribute(&lives[0], name::HTTP_CONTEXT_WEBSOCKET_CLOSE_CODE);
        assert_eq!(code, Some(1001.into()), "{way:?}");
        assert_eq!(lives[0].status, Status::Unset);
        let error = text(&lives[1], name::ERROR_TYPE);
        assert_eq!(error.as_deref(), Some("timeout"), "{way:?}");
        let reason = text(&lives[1], name::REASON);
        assert_eq!(reason.as_deref(), Some("heartbeat_timeout"), "{way:?}");
        assert_eq!(lives[1].status, Status::error(""));
    }
}
