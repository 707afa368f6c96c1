//! What is exported of WebSockets of a session is what the server counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_context::websocket::{CloseCode, Message, WebSocketError};
use http_context::{LeakPolicy, OpenError, UpgradeEndReason, http_session};
use http_context_tests::{
    Frame, InvariantObserver, Step, WebSocketPeer, WebSocketServer, WireTraffic, opcode,
};

use crate::exported::{BYTES, CONNECTIONS, DURATION, MESSAGES};
use crate::rig::{Exported, Rig, Wire};
use crate::used::Ends;

const WIRES: [Wire; 2] = [Wire::Http1, Wire::TlsHttp1];

fn server(wire: Wire) -> WebSocketServer {
    match wire {
        Wire::TlsHttp1 => WebSocketServer::start_tls(),
        _ => WebSocketServer::start(),
    }
}

/// What went one way, by what is exported.
fn traffic(exported: &Exported, direction: &str) -> WireTraffic {
    let direction = ("direction", direction);
    let messages = |of| u64::try_from(exported.sum(MESSAGES, &[direction, ("type", of)])).unwrap();
    WireTraffic {
        bytes: u64::try_from(exported.sum(BYTES, &[direction])).unwrap(),
        text: messages("text"),
        binary: messages("binary"),
        ping: messages("ping"),
        pong: messages("pong"),
        close: messages("close"),
    }
}

async fn assert_as_counted(rig: &Rig, server: &WebSocketServer, what: impl fmt::Debug) {
    let counts = server.wait_until(|counts| counts.open == 0).await;
    let exported = rig.exported();
    let told = (traffic(&exported, "sent"), traffic(&exported, "received"));
    assert_eq!(told, (counts.received, counts.sent), "{what:?} {exported}");
    assert_eq!(exported.sum(CONNECTIONS, &[]), 0, "{what:?} {exported}");
    let ended = u64::try_from(exported.count(DURATION, &[])).unwrap();
    assert_eq!(ended, counts.upgraded, "{what:?} {exported}");
}

#[tokio::test]
async fn messages_and_bytes_are_those_that_the_server_counts() {
    for wire in WIRES {
        let (rig, server) = (Rig::new(wire), server(wire));
        let ping = Frame::new(opcode::PING, "?");
        let url = server.serve(WebSocketPeer::opens().sends(&ping).then(Step::Echo));
        let ends = Arc::new(Ends::default());
        let work = rig.context().observer(ends.clone()).open(async {
            let session = http_session()?;
            let mut socket = session.websocket(url).connect().await.unwrap();
            assert!(socket.next().await.unwrap().unwrap().is_ping());
            for length in [0, 5, 200, 70_000] {
                for message in [
                    Message::text("t".repeat(length)),
                    Message::binary(vec![1; length]),
                ] {
                    socket.send(message.clone()).await.unwrap();
                    assert_eq!(socket.next().await.unwrap().unwrap(), message);
                }
            }
            socket.send(Message::Ping("!".into())).await.unwrap();
            assert!(socket.next().await.unwrap().unwrap().is_pong());
            socket.close(CloseCode::Normal, "done").await.unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_as_counted(&rig, &server, wire).await;
        let sent = traffic(&rig.exported(), "sent");
        let counted = [sent.text, sent.binary, sent.ping, sent.pong, sent.close];
        assert_eq!(counted, [4, 4, 1, 1, 1], "{wire:?}");
        assert_eq!(ends.reasons(), [UpgradeEndReason::Local], "{wire:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_exit_takes_leave_of_many_at_once_and_everything_is_exported() {
    let (rig, server) = (Rig::new(Wire::Http1), WebSocketServer::start());
    let url = server.serve(WebSocketPeer::echoes());
    let invariants = Arc::new(InvariantObserver::new());
    let context = rig.context().observer(invariants.clone());
    let work = context.leaks(LeakPolicy::Count).open(async {
        for number in 0..30_usize {
            let url = url.clone();
            http_context::spawn(async move {
                let session = http_session().unwrap();
                let mut socket = session.websocket(url).connect().await.unwrap();
                drop(session);
                for _ in 0..=number {
                    socket.send(Message::text("hello")).await.unwrap();
                }
                // For as long as its context is open.
                while let Some(Ok(_)) = socket.next().await {}
            });
        }
        rig.wait_until(|exported| traffic(exported, "received").text == (1..=30).sum::<u64>())
            .await;
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert_as_counted(&rig, &server, &report).await;
    assert_eq!(server.counts().received.close, 30);
    assert_eq!(invariants.balanced().upgraded, 30);
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_exported_as_such() {
    for wire in WIRES {
        let (rig, server) = (Rig::new(wire), server(wire));
        let url = server.serve(WebSocketPeer::opens().stays());
        let work = rig.context().open(async {
            let socket = http_session()?.websocket(url);
            let socket = socket.heartbeat(Duration::from_millis(20)).connect().await;
            let error = socket.unwrap().next().await.unwrap().unwrap_err();
            assert!(
                matches!(error, WebSocketError::HeartbeatTimeout(_)),
                "{error:?}"
            );
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let exported = rig.exported();
        let labels = [("reason", "heartbeat_timeout"), ("protocol", "websocket")];
        assert_eq!(exported.count(DURATION, &labels), 1, "{wire:?} {exported}");
        assert_eq!(exported.sum(CONNECTIONS, &[]), 0, "{wire:?} {exported}");
        let lasted = exported.seconds(DURATION);
        assert!((0.02..10.0).contains(&lasted), "{wire:?} {lasted}");
    }
}
