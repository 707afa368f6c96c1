//! What a client and a server say before they speak WebSocket, and what comes of it that does not fit.

use std::time::Duration;

use http_context::websocket::{HandshakeMismatch, Message, WebSocketError};
use http_context::{Direction, MessageType, UpgradeEndReason};
use http_context_tests::{Edit, Step, WebSocketPeer, WebSocketServer};

use crate::support::{Ends as _, Wire, begin, clean, context, echo, in_time, recorded, text_of};

#[tokio::test]
async fn headers_reach_the_server() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let request = begin(&url).header("x-one", "1").bearer_auth("secret");
        let _bearer = request.connect().await.unwrap();
        let request = begin(&url)
            .basic_auth("user", Some("pass"))
            .header("sec-websocket-extensions", "permessage-deflate");
        let _basic = request.connect().await.unwrap();
    });
    in_time(work).await;
    let seen = server.seen(&url);
    assert_eq!(seen[0].header("x-one"), Some("1"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer secret"));
    assert_eq!(seen[0].header("sec-websocket-version"), Some("13"));
    assert_eq!(seen[0].header("connection"), Some("Upgrade"));
    assert_eq!(seen[0].header("upgrade"), Some("websocket"));
    assert_eq!(seen[0].header("host"), Some(&*server.addr().to_string()));
    assert_eq!(seen[1].header("authorization"), Some("Basic dXNlcjpwYXNz"));
    // Nothing here speaks one.
    assert_eq!(seen[1].header("sec-websocket-extensions"), None);
    let key = |nth: usize| seen[nth].header("sec-websocket-key").unwrap();
    assert_ne!(key(0), key(1));
    assert_eq!(key(0).len(), 24);
}

#[tokio::test]
async fn a_map_of_headers_replaces_those_of_its_names_and_a_value_reaches_the_middleware() {
    #[derive(Clone)]
    struct Tenant(&'static str);
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let names_tenant = Edit(|request: &mut reqwest::Request, with: &http::Extensions| {
        let tenant = with.get::<Tenant>().unwrap().0;
        request
            .headers_mut()
            .insert("x-tenant", tenant.parse().unwrap());
    });
    let work = clean(context().with(names_tenant), async {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-one", "new".parse().unwrap());
        headers.insert("x-two", "2".parse().unwrap());
        let request = begin(&url).header("x-one", "old").headers(headers);
        let mut socket = request
            .with_extension(Tenant("blue"))
            .connect()
            .await
            .unwrap();
        echo(&mut socket, Message::text("hello")).await;
        let sent = socket
            .traffic()
            .messages(Direction::Sent, MessageType::Text);
        assert_eq!(sent, 1);
    });
    in_time(work).await;
    let seen = &server.seen(&url)[0];
    let names = ["x-one", "x-two", "x-tenant"];
    assert_eq!(
        names.map(|name| seen.header(name).unwrap()),
        ["new", "2", "blue"]
    );
}

#[tokio::test]
async fn a_subprotocol_is_the_one_that_the_server_chose() {
    let server = WebSocketServer::start();
    let chosen = "sec-websocket-protocol: two\r\n";
    let url = server.serve(WebSocketPeer::opens_with(chosen).then(Step::Echo));
    let work = clean(context(), async {
        let request = begin(&url).subprotocol("one").subprotocol("two");
        let mut socket = request.connect().await.unwrap();
        assert_eq!(socket.subprotocol(), Some("two"));
        assert_eq!(socket.response().status(), 101);
        echo(&mut socket, Message::text("hello")).await;
    });
    in_time(work).await;
    let offered = server.seen(&url)[0]
        .header("sec-websocket-protocol")
        .map(str::to_owned);
    assert_eq!(offered.as_deref(), Some("one, two"));
}

/// A head with one line replaced.
fn answer(lines: &[&str]) -> WebSocketPeer {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\n{}\r\n\r\n",
        lines.join("\r\n")
    );
    WebSocketPeer::answers(head).stays()
}

const UPGRADE: &str = "upgrade: WebSocket";
const CONNECTION: &str = "connection: keep-alive, upgrade";
const ACCEPT: &str = "sec-websocket-accept: {accept}";

/// What tells its reader which part of the answer it is about.
fn said_of(mismatch: &HandshakeMismatch) -> String {
    match mismatch {
        HandshakeMismatch::Header(name) => format!("the header `{name}`"),
        HandshakeMismatch::AcceptKey => "`sec-websocket-accept`".into(),
        HandshakeMismatch::Subprotocol(chosen) => format!("the subprotocol {chosen:?}, which"),
        HandshakeMismatch::NoSubprotocol => "none of the subprotocols".into(),
        HandshakeMismatch::Extension(extension) => format!("the extension {extension:?}, which"),
        _ => panic!("{mismatch:?} has no text here"),
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_an_error_that_says_what_and_closes_the_connection() {
    let header = |name| HandshakeMismatch::Header(http::HeaderName::from_static(name));
    let extension = "sec-websocket-extensions: permessage-deflate";
    let chat = "sec-websocket-protocol: chat";
    let cases: [(&[&str], &[&str], HandshakeMismatch); 12] = [
        (
            &[],
            &[CONNECTION, "upgrade: other", ACCEPT],
            header("upgrade"),
        ),
        (
            &[],
            &[UPGRADE, "connection: close", ACCEPT],
            header("connection"),
        ),
        (&[], &[UPGRADE, ACCEPT], header("connection")),
        (&[], &[UPGRADE, CONNECTION], HandshakeMismatch::AcceptKey),
        (
            &[],
            &[
                UPGRADE,
                CONNECTION,
                "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ],
            HandshakeMismatch::AcceptKey,
        ),
        (
            &[],
            &[UPGRADE, CONNECTION, ACCEPT, ACCEPT],
            HandshakeMismatch::AcceptKey,
        ),
        (
            &[],
            &[UPGRADE, CONNECTION, ACCEPT, extension],
            HandshakeMismatch::Extension("permessage-deflate".into()),
        ),
        (
            &[],
            &[UPGRADE, CONNECTION, ACCEPT, chat],
            HandshakeMismatch::Subprotocol("chat".into()),
        ),
        (
            &["one"],
            &[UPGRADE, CONNECTION, ACCEPT, chat],
            HandshakeMismatch::Subprotocol("chat".into()),
        ),
        (
            &["chat"],
            &[
                UPGRADE,
                CONNECTION,
                ACCEPT,
                chat,
                "sec-websocket-protocol: more",
            ],
            HandshakeMismatch::Subprotocol("chat, more".into()),
        ),
        (
            &["chat"],
            &[UPGRADE, CONNECTION, ACCEPT],
            HandshakeMismatch::NoSubprotocol,
        ),
        (
            &["chat"],
            &[UPGRADE, CONNECTION, ACCEPT, "sec-websocket-protocol: "],
            HandshakeMismatch::Subprotocol(String::new()),
        ),
    ];
    for wire in Wire::ALL {
        for (offered, lines, expected) in &cases {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let url = server.serve(answer(lines));
            let work = clean(context, async {
                let mut request = begin(&url);
                for name in *offered {
                    request = request.subprotocol(*name);
                }
                let error = request.connect().await.unwrap_err();
                let WebSocketError::Mismatch(mismatch) = &error else {
                    panic!("{lines:?} {error:?}");
                };
                assert_eq!(mismatch, expected, "{lines:?}");
                let (text, what) = (text_of(&error), said_of(expected));
                assert!(text.contains(&what), "{text}: not {what}");
                server.wait_until(|counts| counts.open == 0).await;
            });
            in_time(work).await;
            let end = recorder.end();
            assert_eq!(end.reason, UpgradeEndReason::Failed, "{lines:?}");
            assert!(!end.is_dropped);
            assert_eq!(server.counts().received.bytes, 0);
        }
    }
}

#[tokio::test]
async fn a_head_that_upgrades_nothing_is_a_refusal() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(answer(&[CONNECTION, ACCEPT]));
        let work = clean(context, async {
            let error = begin(&url).connect().await.unwrap_err();
            let text = text_of(&error);
            assert!(
                !matches!(error, WebSocketError::HandshakeTimeout(_)),
                "{text}"
            );
            server.wait_until(|counts| counts.open == 0).await;
        });
        in_time(work).await;
        assert_eq!(recorder.begun(), recorder.ends().len());
    }
}

#[tokio::test]
async fn a_refusal_has_its_status_and_its_body_without_secrets() {
    let secret = "no: https://user:pass@example.com/?sig=secret";
    for wire in Wire::ALL {
        for status in [200, 204, 304, 400, 401, 403, 404, 426, 429, 500, 503] {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let body = if matches!(status, 204 | 304) {
                ""
            } else {
                secret
            };
            let headers = "www-authenticate: Bearer realm=\"hidden\"\r\n";
            let url = server.serve(WebSocketPeer::refuses(status, headers, body));
            let url = format!("{url}?sig=secret");
            let work = clean(context, async {
                let error = begin(&url)
                    .bearer_auth("hidden")
                    .connect()
                    .await
                    .unwrap_err();
                let WebSocketError::Refused(refusal) = &error else {
                    panic!("{status} {error:?}");
                };
                assert_eq!(refusal.status, status);
                assert_eq!(refusal.body.is_empty(), body.is_empty());
                let text = format!("{error} {}", refusal.body);
                assert!(text.contains(&status.to_string()), "{text}");
                assert!(
                    !text.contains("secret") && !text.contains("pass@"),
                    "{text}"
                );
                assert!(!error.to_string().contains("hidden"), "{error}");
                // The first line of the body, where there is one.
                let said = error.to_string().contains(" and opened no WebSocket: ");
                let has_line = refusal
                    .body
                    .lines()
                    .next()
                    .is_some_and(|line| !line.is_empty());
                assert_eq!(said, has_line, "{error}");
                assert!(!error.is_session_closed() && !error.is_timeout(), "{error}");
            });
            in_time(work).await;
            server.wait_until(|counts| counts.open == 0).await;
            assert_eq!(recorder.begun(), 0);
        }
    }
}

#[tokio::test]
async fn a_redirect_leads_to_the_socket() {
    for wire in Wire::ALL {
        for status in [301, 302, 303, 307, 308] {
            let server = wire.server();
            let url = server.serve(WebSocketPeer::echoes());
            let target = url.replacen("ws", "http", 1);
            for location in [&*target, "/0"] {
                let headers = format!("location: {location}\r\n");
                let moved = server.serve(WebSocketPeer::refuses(status, &headers, ""));
                let work = clean(context(), async {
                    match begin(&moved).connect().await {
                        Ok(mut socket) => echo(&mut socket, Message::text("hello")).await,
                        Err(error) => panic!("{status} {location}: {}", text_of(&error)),
                    }
                });
                in_time(work).await;
            }
            let counts = server.wait_until(|counts| counts.open == 0).await;
            assert_eq!(counts.upgraded, 2);
        }
    }
}

#[tokio::test]
async fn a_redirect_to_a_websocket_url_is_not_followed() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let headers = format!("location: {url}\r\n");
    let moved = server.serve(WebSocketPeer::refuses(301, &headers, ""));
    let work = clean(context(), async {
        let error = begin(&moved).connect().await.unwrap_err();
        assert!(
            text_of(&error).contains("scheme `ws`"),
            "{}",
            text_of(&error)
        );
    });
    in_time(work).await;
}

#[tokio::test]
async fn a_body_without_an_end_takes_no_longer_than_the_handshake_may() {
    let endless = "HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n";
    let stalls = WebSocketPeer::answers(format!("{endless}4\r\nhalf\r\n")).stays();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let floods = WebSocketPeer::answers(endless).then(Step::Repeat(usize::MAX, chunk.into()));
    for wire in Wire::ALL {
        for (peer, length) in [(&stalls, 4), (&floods, 4096)] {
            let server = wire.server();
            let url = server.serve(peer.clone());
            let work = clean(context(), async {
                let request = begin(&url).handshake_timeout(Duration::from_millis(300));
                let error = request.connect().await.unwrap_err();
                let WebSocketError::Refused(refusal) = error else {
                    panic!("{error:?}");
                };
                assert_eq!((refusal.status.as_u16(), refusal.body.len()), (403, length));
                server.wait_until(|counts| counts.open == 0).await;
            });
            in_time(work).await;
        }
    }
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_or_breaks_is_an_error() {
    let half = "HTTP/1.1 101 Switching Protocols\r\nupgra";
    let cases = [
        (WebSocketPeer::answers("").stays(), true),
        (WebSocketPeer::answers(half).stays(), true),
        (WebSocketPeer::answers(""), false),
        (WebSocketPeer::answers(half), false),
        (WebSocketPeer::answers("").then(Step::Reset), false),
        (WebSocketPeer::answers(half).then(Step::Reset), false),
        (WebSocketPeer::answers("").then(Step::Cut), false),
        (WebSocketPeer::answers("nonsense\r\n\r\n").stays(), false),
    ];
    for wire in Wire::ALL {
        for (peer, is_timeout) in &cases {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let url = server.serve(peer.clone());
            let work = clean(context, async {
                let request = begin(&format!("{url}?sig=secret"));
                let request = request.handshake_timeout(Duration::from_millis(300));
                let error = request.connect().await.unwrap_err();
                assert_eq!(error.is_timeout(), *is_timeout, "{peer:?} {error:?}");
                let is_request = matches!(error, WebSocketError::Request(_));
                assert_eq!(is_request, !is_timeout, "{peer:?} {error:?}");
                assert!(!text_of(&error).contains("secret"), "{}", text_of(&error));
                server.wait_until(|counts| counts.open == 0).await;
            });
            in_time(work).await;
            assert_eq!(recorder.begun(), recorder.ends().len(), "{peer:?}");
        }
    }
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_an_error_of_the_request() {
    let work = clean(context(), async {
        for url in ["ftp://127.0.0.1/", "no url", "ws://", "file:///etc/passwd"] {
            let error = begin(url).connect().await.unwrap_err();
            assert!(
                matches!(error, WebSocketError::Request(_)),
                "{url} {error:?}"
            );
        }
        let port = http_context_tests::RefusedPort::new();
        let url = format!("ws://user:pass@{}/?sig=secret", port.addr());
        let error = begin(&url).connect().await.unwrap_err();
        let text = text_of(&error);
        assert!(!text.contains("secret") && !text.contains("pass"), "{text}");
    });
    in_time(work).await;
}
