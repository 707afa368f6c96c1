//! What a WebSocket is for: messages, each way.

use futures_util::{SinkExt as _, StreamExt as _};
use http_context::websocket::{CloseCode, Message, WebSocketError};
use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketServer, opcode};

use crate::support::{Wire, begin, clean, context, echo, in_time, open};

#[tokio::test]
async fn messages_of_each_type_and_size_come_back_as_they_went() {
    for wire in Wire::ALL {
        let server = wire.server();
        let url = server.serve(WebSocketPeer::echoes());
        let work = clean(context(), async {
            let mut socket = open(&url).await;
            for length in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
                echo(&mut socket, Message::text("ä".repeat(length / 2))).await;
                echo(&mut socket, Message::binary(vec![0xfe; length])).await;
            }
            socket.send(Message::Ping("ping".into())).await.unwrap();
            let pong = socket.next().await.unwrap().unwrap();
            assert_eq!(pong, Message::Pong("ping".into()));
            socket.close(CloseCode::Normal, "bye").await.unwrap();
            assert!(socket.next().await.is_none());
        });
        in_time(work).await;
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_eq!((counts.accepted, counts.http2), (1, 0), "{wire:?}");
        assert_eq!((counts.received.text, counts.sent.text), (8, 8));
        assert_eq!((counts.received.binary, counts.sent.binary), (8, 8));
        let seen = &server.seen(&url)[0];
        assert_eq!(seen.close_codes(), [1000]);
        assert!(seen.frames.iter().all(|frame| frame.is_masked));
        assert_eq!(&seen.frames.last().unwrap().payload[2..], b"bye");
    }
}

#[tokio::test]
async fn a_message_in_fragments_is_one_and_pings_between_them_are_answered() {
    let server = WebSocketServer::start();
    let peer = WebSocketPeer::opens()
        .sends(&Frame::text("one ").begun())
        .sends(&Frame::new(opcode::PING, "between"))
        .sends(&Frame::new(opcode::CONTINUATION, "two ").begun())
        .sends(&Frame::new(opcode::CONTINUATION, "three"))
        .then(Step::AwaitFrames(1))
        .sends(&Frame::close(1000, ""))
        .then(Step::AwaitClose);
    let url = server.serve(peer);
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        let mut got = Vec::new();
        while let Some(message) = socket.next().await {
            got.push(message.unwrap());
        }
        assert_eq!(got.len(), 3, "{got:?}");
        assert_eq!(got[0], Message::Ping("between".into()));
        assert_eq!(got[1], Message::text("one two three"));
        assert!(matches!(&got[2], Message::Close(Some(frame)) if frame.code == CloseCode::Normal));
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    let seen = &server.seen(&url)[0];
    assert_eq!(seen.pongs(), [b"between"]);
    assert_eq!(seen.close_codes(), [1000]);
}

#[tokio::test]
async fn two_tasks_have_a_half_each() {
    for wire in Wire::ALL {
        let server = wire.server();
        let url = server.serve(WebSocketPeer::echoes());
        let work = clean(context(), async {
            let (mut reader, mut writer) = open(&url).await.into_split();
            let write = http_context::spawn(async move {
                for nth in 0..200_usize {
                    let message = Message::binary(vec![7; nth * 300]);
                    writer.send(message).await.unwrap();
                }
                writer
            });
            for nth in 0..200 {
                let message = reader.next().await.unwrap().unwrap();
                assert_eq!(message.len(), nth * 300);
            }
            let mut writer = write.await.unwrap();
            let close = http_context::spawn(async move {
                writer.close(CloseCode::Normal, "").await.unwrap();
            });
            let last = reader.next().await;
            assert!(
                matches!(last, None | Some(Ok(Message::Close(_)))),
                "{last:?}"
            );
            close.await.unwrap();
        });
        in_time(work).await;
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_eq!((counts.received.binary, counts.sent.binary), (200, 200));
    }
}

#[tokio::test]
async fn it_is_a_stream_and_a_sink() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let (mut sink, stream) = open(&url).await.split();
        let messages = (0..50).map(|nth| Ok(Message::text(nth.to_string())));
        let mut messages = futures_util::stream::iter(messages);
        let sent = sink.send_all(&mut messages);
        let got = stream.take(50).map(|message| message.unwrap());
        let (sent, got) = tokio::join!(sent, got.collect::<Vec<_>>());
        sent.unwrap();
        let expected: Vec<_> = (0..50).map(|nth| Message::text(nth.to_string())).collect();
        assert_eq!(got, expected);
    });
    in_time(work).await;
    let counts = server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(counts.sent.text, 50);
}

#[tokio::test]
async fn what_one_sends_can_be_forwarded_to_another() {
    let server = WebSocketServer::start();
    let mut source = WebSocketPeer::opens();
    for nth in 0..20 {
        source = source.sends(&Frame::text(&nth.to_string()));
    }
    let from = server.serve(source.sends(&Frame::close(1000, "")).then(Step::AwaitClose));
    let to = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let (source, target) = (open(&from).await, open(&to).await);
        // The Close frame is forwarded as well, and the sink is closed after it.
        source.forward(target).await.unwrap();
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    let seen = &server.seen(&to)[0];
    assert_eq!(seen.messages().len(), 20);
    assert_eq!(seen.close_codes(), [1000]);
}

#[tokio::test]
async fn a_sink_that_is_closed_says_so_to_its_peer() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        futures_util::SinkExt::close(&mut socket).await.unwrap();
        futures_util::SinkExt::close(&mut socket).await.unwrap();
        let error = socket.send(Message::text("more")).await.unwrap_err();
        assert!(matches!(error, WebSocketError::Closed), "{error:?}");
        let last = socket.next().await;
        assert!(matches!(last, Some(Ok(Message::Close(_)))), "{last:?}");
        assert!(socket.next().await.is_none());
        assert!(socket.next().await.is_none());
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(server.seen(&url)[0].close_codes(), [1000]);
}

#[tokio::test]
async fn a_socket_whose_peer_has_closed_sends_no_more() {
    let server = WebSocketServer::start();
    let peer = WebSocketPeer::opens()
        .sends(&Frame::close(4000, "enough"))
        .then(Step::AwaitClose);
    let url = server.serve(peer);
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
            panic!("it is a Close frame");
        };
        assert_eq!(u16::from(frame.code), 4000);
        assert_eq!(frame.reason, "enough");
        assert!(socket.next().await.is_none());
        let error = socket.send(Message::text("more")).await.unwrap_err();
        assert!(matches!(error, WebSocketError::Closed), "{error:?}");
        socket.close(CloseCode::Normal, "").await.unwrap();
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(server.seen(&url)[0].close_codes(), [4000]);
}

#[tokio::test]
async fn each_scheme_leads_to_the_server() {
    for (wire, schemes) in [(Wire::Clear, ["ws", "http"]), (Wire::Tls, ["wss", "https"])] {
        let server = wire.server();
        let url = server.serve(WebSocketPeer::echoes());
        for scheme in schemes {
            let (_, rest) = url.split_once(':').unwrap();
            let work = clean(context(), async {
                let mut socket = open(&format!("{scheme}:{rest}?q=1#fragment")).await;
                echo(&mut socket, Message::text("hello")).await;
            });
            in_time(work).await;
        }
        server.wait_until(|counts| counts.open == 0).await;
        for seen in server.seen(&url) {
            let line = seen.head.lines().next().unwrap();
            assert!(line.ends_with("?q=1 HTTP/1.1"), "{line}");
        }
        assert_eq!(server.counts().upgraded, 2);
    }
}

#[tokio::test]
async fn what_is_too_long_to_be_kept_is_not_sent() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let request = begin(&url).max_write_buffer_size(1 << 10);
        let mut socket = request.connect().await.unwrap();
        let message = Message::binary(vec![0; 3 << 20]);
        let error = socket.send(message).await.unwrap_err();
        assert!(matches!(error, WebSocketError::TooLongToSend), "{error:?}");
        echo(&mut socket, Message::text("short")).await;
        socket.close(CloseCode::Normal, "").await.unwrap();
    });
    in_time(work).await;
    let counts = server.wait_until(|counts| counts.open == 0).await;
    assert_eq!((counts.received.binary, counts.received.text), (0, 1));
}
