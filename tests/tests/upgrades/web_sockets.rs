//! What is exported of WebSockets of a session is what their peer, another implementation, counts.

use std::sync::Arc;
use std::time::Duration;

use http_context::websocket::{CloseCode, Message, WebSocketError};
use http_context::{LeakPolicy, MessageType, OpenError, UpgradeEndReason, http_session};
use http_context_tests::InvariantObserver;

use crate::exported::{BYTES, CONNECTIONS, DURATION, MESSAGES};
use crate::peer::{Counts, Peer};
use crate::rig::{Exported, Rig, Wire};
use crate::used::Ends;

const WIRES: [Wire; 2] = [Wire::Http1, Wire::TlsHttp1];

fn assert_as_counted(exported: &Exported, counts: &Counts, what: impl std::fmt::Debug) {
    let of = |direction| {
        MessageType::ALL.iter().map(move |of| {
            let labels = [("type", of.as_str()), ("direction", direction)];
            exported.sum(MESSAGES, &labels)
        })
    };
    let told = |messages: [i64; MessageType::ALL.len()]| messages.into_iter();
    assert!(
        of("sent").eq(told(counts.received)),
        "{what:?} {counts:?} {exported}"
    );
    assert!(
        of("received").eq(told(counts.sent)),
        "{what:?} {counts:?} {exported}"
    );
    let bytes = |direction| {
        let bytes = exported.sum(BYTES, &[("direction", direction)]);
        u64::try_from(bytes).unwrap()
    };
    let (sent, received) = (bytes("sent"), bytes("received"));
    assert_eq!(sent, counts.bytes_received, "{what:?} {exported}");
    assert_eq!(received, counts.bytes_sent, "{what:?} {exported}");
    assert_eq!(exported.sum(CONNECTIONS, &[]), 0, "{what:?} {exported}");
}

#[tokio::test]
async fn messages_and_bytes_are_those_that_the_peer_counts() {
    for wire in WIRES {
        let (rig, peer) = (Rig::new(wire), Peer::start(wire == Wire::TlsHttp1));
        let ends = Arc::new(Ends::default());
        let work = rig.context().observer(ends.clone()).open(async {
            let session = http_session()?;
            let mut socket = session.websocket(peer.url("/")).connect().await.unwrap();
            for length in [0, 5, 200, 70_000] {
                for message in [
                    Message::text("t".repeat(length)),
                    Message::binary(vec![1; length]),
                ] {
                    socket.send(message.clone()).await.unwrap();
                    loop {
                        let came = socket.next().await.unwrap().unwrap();
                        if !came.is_ping() {
                            assert_eq!(came, message);
                            break;
                        }
                    }
                }
            }
            socket.send(Message::Ping("!".into())).await.unwrap();
            assert!(socket.next().await.unwrap().unwrap().is_pong());
            socket.close(CloseCode::Normal, "done").await.unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let counts = peer.counts(1).await;
        assert_as_counted(&rig.exported(), &counts, wire);
        assert_eq!(counts.received, [4, 4, 1, 1, 1], "{wire:?}");
        assert_eq!(ends.reasons(), [UpgradeEndReason::Local], "{wire:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_exit_takes_leave_of_many_at_once_and_everything_is_exported() {
    let (rig, peer) = (Rig::new(Wire::Http1), Arc::new(Peer::start(false)));
    let ends = Arc::new(Ends::default());
    let invariants = Arc::new(InvariantObserver::new());
    let context = rig.context().observer(invariants.clone());
    let context = context.leaks(LeakPolicy::Count);
    let work = context.observer(ends.clone()).open(async {
        for number in 0..30_usize {
            let url = peer.url("/");
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
        rig.wait_until(|e| {
            let text = [("type", "text"), ("direction", "received")];
            e.sum(MESSAGES, &text) == (1..=30).sum::<i64>()
        })
        .await;
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    let counts = peer.counts(30).await;
    assert_as_counted(&rig.exported(), &counts, &report);
    let closes = MessageType::ALL
        .iter()
        .position(|of| *of == MessageType::Close);
    assert_eq!(counts.received[closes.unwrap()], 30);
    assert_eq!(invariants.balanced().upgrades, 30);
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_exported_as_such() {
    for wire in WIRES {
        let (rig, peer) = (Rig::new(wire), Peer::start(wire == Wire::TlsHttp1));
        let work = rig.context().open(async {
            let session = http_session()?;
            let socket = session.websocket(peer.url("/mute"));
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
