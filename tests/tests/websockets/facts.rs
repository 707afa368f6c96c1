//! What is said of a WebSocket, held against what its server has counted.

use http_context::websocket::{CloseCode, Message, WebSocketError};
use http_context::{
    Direction, LeakKind, MessageType, SessionPool, UpgradeEnd, UpgradeEndReason, UpgradeProtocol,
    http_session,
};
use http_context_tests::{
    BY_ITS_SESSION, Frame, Step, WebSocketPeer, WebSocketServer, WireTraffic, opcode,
};

use crate::rig::{Rig, Wire as HttpWire};
use crate::support::{
    Ends as _, Wire, begin, clean, context, echo, in_time, open, recorded, reported,
};

/// What an end says that went one way, in the words of the server.
fn traffic(end: &UpgradeEnd, direction: Direction) -> WireTraffic {
    let of = |of| end.traffic.messages(direction, of);
    WireTraffic {
        bytes: end.traffic.bytes(direction),
        text: of(MessageType::Text),
        binary: of(MessageType::Binary),
        ping: of(MessageType::Ping),
        pong: of(MessageType::Pong),
        close: of(MessageType::Close),
    }
}

#[tokio::test]
async fn bytes_and_messages_are_those_that_the_server_has_counted() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(
            WebSocketPeer::opens()
                .sends(&Frame::text("a fragment ").begun())
                .sends(&Frame::new(opcode::PING, "?"))
                .sends(&Frame::new(opcode::CONTINUATION, "and another"))
                .then(Step::Echo),
        );
        let ((), report) = in_time(clean(context, async {
            let mut socket = open(&url).await;
            for _ in 0..2 {
                socket.next().await.unwrap().unwrap();
            }
            for length in [0, 125, 126, 65_536] {
                echo(&mut socket, Message::text("x".repeat(length))).await;
                echo(&mut socket, Message::binary(vec![1; length])).await;
            }
            socket.send(Message::Ping("!".into())).await.unwrap();
            socket.send(Message::Pong("unasked".into())).await.unwrap();
            socket.next().await.unwrap().unwrap();
            socket.close(CloseCode::from(3000), "").await.unwrap();
        }))
        .await;
        let counts = server.wait_until(|counts| counts.open == 0).await;
        let end = recorder.end();
        assert_eq!(traffic(&end, Direction::Sent), counts.received);
        assert_eq!(traffic(&end, Direction::Received), counts.sent);
        assert_eq!(report.bytes_sent, counts.received.bytes);
        assert_eq!(report.bytes_received, counts.sent.bytes);
        assert_eq!(end.protocol, UpgradeProtocol::WebSocket);
        assert_eq!(end.reason, UpgradeEndReason::Local);
        assert_eq!((end.close_code, end.is_dropped), (Some(3000), false));
    }
}

#[tokio::test]
async fn an_end_has_who_closed_it_and_with_which_code() {
    let closes = |code| {
        let frame = Frame::close(code, "");
        let peer = WebSocketPeer::opens().sends(&frame).then(Step::AwaitClose);
        (peer, UpgradeEndReason::Remote, Some(code))
    };
    let codeless = WebSocketPeer::opens()
        .sends(&Frame::new(opcode::CLOSE, ""))
        .then(Step::AwaitClose);
    let remote = UpgradeEndReason::Remote;
    let cases = [
        closes(1000),
        closes(1001),
        closes(1011),
        closes(4000),
        (codeless, remote, Some(1005)),
        (WebSocketPeer::opens(), remote, None),
        (
            WebSocketPeer::opens().then(Step::Reset),
            UpgradeEndReason::Failed,
            None,
        ),
    ];
    for wire in Wire::ALL {
        for (peer, reason, code) in &cases {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let url = server.serve(peer.clone());
            in_time(clean(context, async {
                let mut socket = open(&url).await;
                while socket.next().await.is_some() {}
            }))
            .await;
            server.wait_until(|counts| counts.open == 0).await;
            let end = recorder.end();
            assert_eq!((end.reason, end.close_code), (*reason, *code), "{peer:?}");
            assert!(!end.is_dropped);
        }
    }
}

#[tokio::test]
async fn a_peer_that_sends_what_it_may_not_is_told_what_was_wrong() {
    for wire in Wire::ALL {
        for (frame, code) in [
            (Frame::text(&"x".repeat(101)), 1009),
            (Frame::new(opcode::TEXT, [0xff]), 1007),
            (Frame::new(0x3, ""), 1002),
        ] {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let peer = WebSocketPeer::opens().sends(&frame).then(Step::AwaitClose);
            let url = server.serve(peer.then(Step::AwaitEnd));
            let work = clean(context, async {
                let request = begin(&url).max_message_size(100);
                let mut socket = request.connect().await.unwrap();
                socket.next().await.unwrap().unwrap_err();
            });
            in_time(work).await;
            server.wait_until(|counts| counts.open == 0).await;
            assert_eq!(server.seen(&url)[0].close_codes(), [code]);
            assert_eq!(recorder.end().reason, UpgradeEndReason::Failed);
        }
    }
}

#[tokio::test]
async fn a_peer_that_has_gone_without_a_word_is_told_nothing() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    let peer = WebSocketPeer::opens().then(Step::Shutdown);
    let url = server.serve(peer.then(Step::AwaitEnd));
    let work = clean(context, async {
        let error = open(&url).await.next().await.unwrap().unwrap_err();
        assert!(
            matches!(error, WebSocketError::ConnectionLost(_)),
            "{error:?}"
        );
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(server.seen(&url)[0].close_codes(), [0; 0]);
    assert_eq!(recorder.end().reason, UpgradeEndReason::Remote);
}

#[tokio::test]
async fn a_second_close_frame_of_the_peer_changes_nothing() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let both = [Frame::close(1000, ""), Frame::close(1011, "")];
        let both = both.iter().flat_map(Frame::bytes).collect();
        let peer = WebSocketPeer::opens().then(Step::Send(both));
        let url = server.serve(peer.then(Step::AwaitClose));
        in_time(clean(context, async {
            let mut socket = open(&url).await;
            while socket.next().await.is_some() {}
        }))
        .await;
        let end = recorder.end();
        let expected = (UpgradeEndReason::Remote, Some(1000));
        assert_eq!((end.reason, end.close_code), expected, "{wire:?}");
    }
}

#[tokio::test]
async fn one_that_is_dropped_sends_1001_and_is_said_to_be_dropped() {
    for wire in Wire::ALL {
        for is_split in [false, true] {
            let (server, (context, recorder)) = (wire.server(), recorded());
            let url = server.serve(WebSocketPeer::opens().stays());
            in_time(clean(context, async {
                let socket = open(&url).await;
                if is_split {
                    let (reader, writer) = socket.into_split();
                    drop(reader);
                    assert_eq!(http_context::current().unwrap().requests_in_flight(), 1);
                    drop(writer);
                } else {
                    drop(socket);
                }
                assert_eq!(http_context::current().unwrap().requests_in_flight(), 0);
            }))
            .await;
            server.wait_until(|counts| counts.open == 0).await;
            assert_eq!(server.seen(&url)[0].close_codes(), [1001]);
            let end = recorder.end();
            assert_eq!(end.reason, UpgradeEndReason::Local);
            assert_eq!((end.close_code, end.is_dropped), (Some(1001), true));
        }
    }
}

#[tokio::test]
async fn it_is_active_and_holds_a_slot_of_its_host_until_it_ends() {
    for wire in Wire::ALL {
        let (server, rig) = (wire.server(), Rig::new(HttpWire::Http1));
        let url = server.serve(WebSocketPeer::echoes());
        let context = rig.context().max_connections_per_host(2);
        in_time(clean(context, async {
            let mut first = open(&url).await;
            let _second = open(&url).await;
            let mut third = Box::pin(open(&url));
            assert!(futures_util::poll!(&mut third).is_pending());
            assert_eq!(rig.exported().active_and_idle(), (2, 0));
            first.close(CloseCode::Normal, "").await.unwrap();
            // Closed, and not dropped.
            let mut third = third.await;
            echo(&mut third, Message::text("at last")).await;
            assert_eq!(http_context::current().unwrap().requests_in_flight(), 2);
            drop(first);
        }))
        .await;
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_eq!((counts.accepted, counts.upgraded), (3, 3));
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        let remote = exported.closed(http_context::CloseReason::Remote);
        assert_eq!(exported.closed(BY_ITS_SESSION) + remote, 3, "{exported}");
    }
}

#[tokio::test]
async fn one_that_is_over_leaves_a_pooled_session_to_the_next_context() {
    let (server, plain) = (
        WebSocketServer::start(),
        http_context_tests::Server::start(),
    );
    let url = server.serve(WebSocketPeer::echoes());
    let pool = SessionPool::builder().build();
    for nth in 0..4 {
        let work = clean(http_context::builder().pool(pool.clone()), async {
            let mut socket = open(&url).await;
            echo(&mut socket, Message::text("hello")).await;
            if nth % 2 == 0 {
                socket.close(CloseCode::Normal, "").await.unwrap();
            }
            let response = http_session().unwrap().get(plain.url("/ok")).send().await;
            response.unwrap().bytes().await.unwrap();
        });
        in_time(work).await;
    }
    assert_eq!(plain.counts().accepted, 1, "it was reused");
    server.wait_until(|counts| counts.open == 0).await;
    in_time(pool.close()).await;
}

#[tokio::test]
async fn one_that_is_kept_ends_with_its_context_and_spoils_a_pooled_session() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let pool = SessionPool::builder().build();
    let (context, recorder) = recorded();
    let work = reported(context.pool(pool.clone()), async {
        let mut socket = open(&url).await;
        echo(&mut socket, Message::text("hello")).await;
        socket
    });
    let (mut kept, report) = in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(report.leaks.len(), 1, "{report}");
    assert_eq!(report.leaks[0].kind, LeakKind::UpgradedConnection);
    let error = kept.send(Message::text("more")).await.unwrap_err();
    assert!(error.is_session_closed(), "{error:?}");
    drop(kept);
    assert_eq!(recorder.resolved().len(), 1);
    assert_eq!(pool.status().idle, 0);
    in_time(pool.close()).await;
}

#[tokio::test]
async fn a_leak_has_the_place_that_opened_the_socket() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let line = std::sync::atomic::AtomicU32::new(0);
    let work = reported(context(), async {
        let session = http_session().unwrap();
        line.store(line!() + 1, std::sync::atomic::Ordering::Relaxed);
        session.websocket(&url).connect().await.unwrap()
    });
    let (_kept, report) = in_time(work).await;
    assert_eq!(report.leaks.len(), 1, "{report}");
    let place = report.leaks[0].acquired_at.unwrap();
    assert!(place.file().ends_with("facts.rs"), "{place}");
    assert_eq!(place.line(), line.into_inner(), "{place}");
}

#[tokio::test]
async fn a_peer_that_goes_without_a_close_frame_is_told_of_no_fault() {
    let server = WebSocketServer::start();
    let goes = WebSocketPeer::opens().then(Step::Shutdown).stays();
    let breaks_rules = WebSocketPeer::opens()
        .then(Step::Send(vec![0xff, 0]))
        .stays();
    for (peer, codes) in [(goes, vec![]), (breaks_rules, vec![1002])] {
        let url = server.serve(peer);
        let work = clean(context(), async {
            let mut socket = open(&url).await;
            socket.next().await.unwrap().unwrap_err();
        });
        in_time(work).await;
        server.wait_until(|counts| counts.open == 0).await;
        assert_eq!(server.seen(&url)[0].close_codes(), codes);
    }
}
