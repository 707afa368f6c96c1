//! Pings that ask whether the peer is there.

use std::time::Duration;

use http_context::websocket::{CloseCode, Message, WebSocket, WebSocketError};
use http_context::{Direction, MessageType, UpgradeEndReason, spawn};
use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketServer, opcode};
use tokio::runtime::Handle;

use crate::support::{Ends as _, Wire, begin, clean, echo, in_time, recorded};

/// Of those that are not answered.
const BEAT: Duration = Duration::from_millis(50);
/// Of those that are, which a busy machine may take a while for.
const LONG_BEAT: Duration = Duration::from_millis(250);

async fn open(url: &str, beat: Duration) -> WebSocket {
    begin(url).heartbeat(beat).connect().await.unwrap()
}

#[tokio::test]
async fn a_peer_that_answers_is_asked_again_and_its_answers_are_not_handed_out() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::echoes());
        in_time(clean(context, async {
            let mut socket = open(&url, LONG_BEAT).await;
            // Nobody reads.
            server.wait_until(|counts| counts.sent.pong == 2).await;
            echo(&mut socket, Message::text("hello")).await;
            socket.send(Message::Ping("mine".into())).await.unwrap();
            let pong = socket.next().await.unwrap().unwrap();
            assert_eq!(pong, Message::Pong("mine".into()));
            let (mut reader, mut writer) = socket.into_split();
            let reading = spawn(async move { reader.next().await });
            server.wait_until(|counts| counts.sent.pong >= 4).await;
            writer.close(CloseCode::Normal, "").await.unwrap();
            drop(reading.await.unwrap());
        }))
        .await;
        let counts = server.wait_until(|counts| counts.open == 0).await;
        let end = recorder.end();
        assert_eq!(end.reason, UpgradeEndReason::Local);
        let pings = end.traffic.messages(Direction::Sent, MessageType::Ping);
        assert_eq!(pings, counts.received.ping);
    }
}

#[tokio::test]
async fn a_peer_that_never_answers_ends_it_with_an_error_that_says_so() {
    for wire in Wire::ALL {
        for is_read in [false, true] {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let url = server.serve(WebSocketPeer::opens().then(Step::EchoWithoutPongs).stays());
            in_time(clean(context, async {
                let mut socket = open(&url, BEAT).await;
                echo(&mut socket, Message::text("hello")).await;
                if !is_read {
                    server.wait_until(|counts| counts.open == 0).await;
                }
                let error = socket.next().await.unwrap().unwrap_err();
                let is_it = matches!(error, WebSocketError::HeartbeatTimeout(BEAT));
                assert!(is_it && error.is_timeout(), "{error:?}");
                assert!(socket.next().await.is_none());
                let error = socket.send(Message::text("more")).await.unwrap_err();
                assert!(matches!(error, WebSocketError::Closed), "{error:?}");
                server.wait_until(|counts| counts.open == 0).await;
            }))
            .await;
            let end = recorder.end();
            assert_eq!(end.reason, UpgradeEndReason::HeartbeatTimeout);
            assert!(!end.is_dropped);
            assert_eq!(server.seen(&url)[0].close_codes(), [1001]);
        }
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_ends_it_as_well() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::opens().reads_nothing().then(Step::AwaitGate));
        in_time(clean(context, async {
            let mut socket = open(&url, BEAT).await;
            let error = loop {
                let message = Message::binary(vec![0; 1 << 20]);
                if let Err(error) = socket.send(message).await {
                    break error;
                }
            };
            assert!(matches!(error, WebSocketError::Closed), "{error:?}");
            let error = socket.next().await.unwrap().unwrap_err();
            let is_it = matches!(error, WebSocketError::HeartbeatTimeout(_));
            assert!(is_it, "{error:?}");
            server.gate().open();
            server.wait_until(|counts| counts.open == 0).await;
        }))
        .await;
        assert_eq!(recorder.end().reason, UpgradeEndReason::HeartbeatTimeout);
    }
}

#[tokio::test]
async fn what_is_read_for_the_heartbeat_is_there_for_who_reads_later() {
    let (server, (context, _)) = (WebSocketServer::start(), recorded());
    let mut peer = WebSocketPeer::opens();
    for nth in 0..60 {
        peer = peer.sends(&Frame::text(&nth.to_string()));
    }
    let url = server.serve(peer.then(Step::Echo));
    in_time(clean(context, async {
        let mut socket = open(&url, LONG_BEAT).await;
        // Its answers are behind all that, and nobody reads.
        server.wait_until(|counts| counts.sent.pong == 3).await;
        for nth in 0..60 {
            let message = socket.next().await.unwrap().unwrap();
            assert_eq!(message, Message::text(nth.to_string()));
        }
        socket.close(CloseCode::Normal, "").await.unwrap();
    }))
    .await;
}

#[tokio::test]
async fn a_slow_reader_is_not_taken_for_a_silent_peer() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    let frame = Frame::new(opcode::BINARY, vec![1; 8 << 10]).bytes();
    let url = server.serve(
        WebSocketPeer::opens()
            .then(Step::Repeat(1_000, frame))
            .then(Step::Echo),
    );
    in_time(clean(context, async {
        let mut socket = open(&url, LONG_BEAT).await;
        // Four beats without reading, with answers behind what nobody reads.
        let _ = tokio::time::timeout(LONG_BEAT * 4, std::future::pending::<()>()).await;
        for _ in 0..1_000 {
            assert_eq!(socket.next().await.unwrap().unwrap().len(), 8 << 10);
        }
        echo(&mut socket, Message::text("there")).await;
        socket.close(CloseCode::Normal, "").await.unwrap();
    }))
    .await;
    assert_eq!(recorder.end().reason, UpgradeEndReason::Local);
}

#[tokio::test]
async fn a_long_message_that_is_on_its_way_is_waited_for() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    // Slower than the beats are, and without a pong between.
    let whole = Frame::text(&"x".repeat(400)).bytes();
    let mut peer = WebSocketPeer::opens();
    for part in whole.chunks(60) {
        peer = peer.then(Step::Send(part.to_vec()));
        peer = peer.then(Step::Wait(LONG_BEAT / 2));
    }
    let url = server.serve(peer.then(Step::Echo));
    in_time(clean(context, async {
        let mut socket = open(&url, LONG_BEAT).await;
        let message = socket.next().await.unwrap().unwrap();
        assert_eq!(message.len(), 400);
        socket.close(CloseCode::Normal, "").await.unwrap();
    }))
    .await;
    assert_eq!(recorder.end().reason, UpgradeEndReason::Local);
}

#[tokio::test]
async fn its_task_is_gone_with_the_websocket_and_waits_for_no_beat() {
    const AN_HOUR: Duration = Duration::from_hours(1);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    for wire in Wire::ALL {
        for is_closed in [true, false] {
            let (server, (context, _)) = (wire.server(), recorded());
            let url = server.serve(WebSocketPeer::echoes());
            let before = tasks();
            let (open_tasks, _) = in_time(clean(context, async {
                let mut socket = open(&url, AN_HOUR).await;
                echo(&mut socket, Message::text("hello")).await;
                let open_tasks = tasks();
                if is_closed {
                    socket.close(CloseCode::Normal, "").await.unwrap();
                }
                drop(socket);
                open_tasks
            }))
            .await;
            assert!(open_tasks > before, "{wire:?}");
            // The runtime is asked: nothing of ours says that a task of its has ended.
            in_time(async {
                while tasks() > before {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    }
}
