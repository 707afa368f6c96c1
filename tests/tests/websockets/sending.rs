//! What a WebSocket sends, whoever asks it to, and whether or not its peer takes it.

use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::{Sink, SinkExt as _, poll};
use http_context::websocket::{CloseCode, Message, WebSocketError};
use http_context::{UpgradeEndReason, closing, spawn};
use http_context_tests::{Step, WebSocketPeer, WebSocketServer};

use crate::support::{Ends as _, Wire, begin, clean, context, echo, in_time, open, recorded};

const LONG: Duration = Duration::from_secs(15);

/// Fills what stands between here and a peer that does not read, until nothing more can be written.
async fn fill(socket: &mut http_context::websocket::WebSocket) {
    loop {
        let send = socket.send(Message::binary(vec![0; 1 << 20]));
        if futures_util::poll!(std::pin::pin!(send)).is_pending() {
            // In a socket's buffer there may be room a moment later.
            let more = socket.send(Message::text("more"));
            if tokio::time::timeout(Duration::from_millis(50), more)
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

/// Does not read before the gate is open, and then echoes nothing, and answers a Close frame.
fn reads_late() -> WebSocketPeer {
    WebSocketPeer::opens()
        .reads_nothing()
        .then(Step::AwaitClose)
        .sends(&http_context_tests::Frame::close(1000, ""))
}

/// Closes it while nothing can be written to it, and does not read before the gate is open.
fn closes_and_reads_late() -> WebSocketPeer {
    WebSocketPeer::opens()
        .reads_nothing()
        .then(Step::Wait(Duration::from_millis(300)))
        .sends(&http_context_tests::Frame::close(1000, ""))
        .then(Step::AwaitGate)
        .then(Step::AwaitClose)
}

/// Gives it a megabyte whenever it is ready, until it is not.
async fn feed<S: Sink<Message, Error = WebSocketError> + Unpin>(sink: &mut S) {
    for _ in 0..64 {
        if poll!(poll_fn(|cx| sink.poll_ready_unpin(cx))).is_pending() {
            return;
        }
        let message = Message::binary(vec![0; 1 << 20]);
        sink.start_send_unpin(message).unwrap();
    }
    panic!("it takes whatever it is given");
}

#[tokio::test]
async fn a_sink_is_not_ready_before_its_peer_has_taken_what_it_was_given() {
    for wire in Wire::ALL {
        let server = wire.server();
        let urls = [server.serve(reads_late()), server.serve(reads_late())];
        let work = clean(context(), async {
            let mut socket = open(&urls[0]).await;
            feed(&mut socket).await;
            let (_reader, mut writer) = open(&urls[1]).await.into_split();
            feed(&mut writer).await;
            server.gate().open();
            poll_fn(|cx| socket.poll_ready_unpin(cx)).await.unwrap();
            poll_fn(|cx| writer.poll_ready_unpin(cx)).await.unwrap();
        });
        in_time(work).await;
    }
}

#[tokio::test]
async fn a_close_frame_behind_what_the_peer_takes_late_goes_out_when_it_does() {
    for wire in Wire::ALL {
        let server = wire.server();
        let url = server.serve(reads_late());
        let work = clean(context(), async {
            let mut socket = open(&url).await;
            fill(&mut socket).await;
            let gate = server.gate().clone();
            tokio::spawn(async move { gate.open() });
            socket.close(CloseCode::Normal, "late").await.unwrap();
        });
        in_time(work).await;
        server.wait_until(|counts| counts.open == 0).await;
        let seen = &server.seen(&url)[0];
        assert!(seen.close_at.is_some());
    }
}

#[tokio::test]
async fn a_close_frame_of_the_exit_behind_what_the_peer_takes_late_goes_out_when_it_does() {
    for wire in Wire::ALL {
        let (server, (context, _)) = (wire.server(), recorded());
        let url = server.serve(reads_late());
        let work = clean(context.drain_timeout(LONG), async {
            let mut socket = open(&url).await;
            fill(&mut socket).await;
            let (gate, closing) = (server.gate().clone(), closing());
            tokio::spawn(async move {
                closing.await;
                gate.open();
            });
            // Held by one who polls nothing of it until it is over.
            let is_over = http_context::current().unwrap();
            spawn(async move {
                while is_over.requests_in_flight() > 0 {
                    tokio::task::yield_now().await;
                }
                drop(socket);
            });
        });
        let ((), report) = in_time(work).await;
        assert!(report.exit_duration < LONG / 3, "{report}");
        server.wait_until(|counts| counts.open == 0).await;
        assert!(server.seen(&url)[0].close_at.is_some());
    }
}

#[tokio::test]
async fn a_reader_gets_on_while_the_writer_waits() {
    let server = WebSocketServer::start();
    let text = http_context_tests::Frame::text("while").bytes();
    let peer = WebSocketPeer::opens()
        .reads_nothing()
        .then(Step::Repeat(100, text))
        .then(Step::AwaitGate)
        .then(Step::AwaitEnd);
    let url = server.serve(peer);
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        fill(&mut socket).await;
        let (mut reader, mut writer) = socket.into_split();
        let writing = spawn(async move {
            writer.send(Message::text("late")).await.unwrap();
        });
        for _ in 0..100 {
            assert_eq!(
                reader.next().await.unwrap().unwrap(),
                Message::text("while")
            );
        }
        server.gate().open();
        writing.await.unwrap();
    });
    in_time(work).await;
}

#[tokio::test]
async fn a_writer_that_waits_gets_on_though_a_reader_has_a_close_frame_to_answer() {
    let server = WebSocketServer::start();
    let url = server.serve(closes_and_reads_late());
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        fill(&mut socket).await;
        let (mut reader, mut writer) = socket.into_split();
        let writing = spawn(async move {
            let _ = writer.send(Message::text("late")).await;
        });
        let close = reader.next().await.unwrap().unwrap();
        assert!(matches!(close, Message::Close(_)), "{close:?}");
        assert!(!writing.is_finished());
        server.gate().open();
        // Nobody polls the reader meanwhile.
        writing.await.unwrap();
        drop(reader);
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(server.seen(&url)[0].close_codes(), [1000]);
}

#[tokio::test]
async fn who_closes_hears_of_the_answer_though_a_reader_was_there_and_left() {
    let server = WebSocketServer::start();
    let peer = WebSocketPeer::opens()
        .then(Step::AwaitClose)
        .then(Step::AwaitGate)
        .sends(&http_context_tests::Frame::close(1000, ""));
    let url = server.serve(peer);
    let work = clean(context(), async {
        // Longer than what is a hang here.
        let request = begin(&url).close_timeout(Duration::from_mins(1));
        let (mut reader, mut writer) = request.connect().await.unwrap().into_split();
        let closing = spawn(async move { writer.close(CloseCode::Normal, "").await });
        server.wait_until(|counts| counts.received.close == 1).await;
        assert!(futures_util::poll!(std::pin::pin!(reader.next())).is_pending());
        server.gate().open();
        closing.await.unwrap().unwrap();
    });
    in_time(work).await;
}

#[tokio::test]
async fn who_closes_what_the_peer_closes_waits_until_its_answer_can_be_written() {
    let server = WebSocketServer::start();
    let url = server.serve(closes_and_reads_late());
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        fill(&mut socket).await;
        let close = socket.next().await.unwrap().unwrap();
        assert!(matches!(close, Message::Close(_)), "{close:?}");
        let mut closing = std::pin::pin!(socket.close(CloseCode::Normal, ""));
        assert!(poll!(&mut closing).is_pending());
        server.gate().open();
        closing.await.unwrap();
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(server.seen(&url)[0].close_codes(), [1000]);
}

#[tokio::test]
async fn who_closes_what_was_reset_is_told_so() {
    for wire in Wire::ALL {
        let server = wire.server();
        let url = server.serve(WebSocketPeer::opens().then(Step::Reset));
        let work = clean(context(), async {
            let mut socket = open(&url).await;
            server.wait_until(|counts| counts.open == 0).await;
            let error = socket.close(CloseCode::Normal, "").await.unwrap_err();
            let next = socket.next().await.unwrap().unwrap_err();
            for error in [error, next] {
                let is_lost = matches!(error, WebSocketError::ConnectionLost(_));
                assert!(is_lost, "{error:?}");
            }
            assert!(socket.next().await.is_none());
        });
        in_time(work).await;
    }
}

#[tokio::test]
async fn one_that_is_not_answered_in_time_is_over_though_it_is_held() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::opens().stays());
        let work = clean(context, async {
            let request = begin(&url).close_timeout(Duration::from_millis(20));
            let mut socket = request.connect().await.unwrap();
            let error = socket.close(CloseCode::Normal, "").await.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            server.wait_until(|counts| counts.open == 0).await;
            assert_eq!(recorder.end().reason, UpgradeEndReason::Local);
            assert!(socket.next().await.is_none());
        });
        in_time(work).await;
    }
}

#[tokio::test]
async fn what_a_control_frame_cannot_carry_is_not_sent() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let mut socket = open(&url).await;
        for long in [
            Message::Ping(vec![0; 126].into()),
            Message::Pong(vec![0; 126].into()),
        ] {
            let error = socket.send(long).await.unwrap_err();
            assert!(matches!(error, WebSocketError::TooLongToSend), "{error:?}");
        }
        socket
            .send(Message::Ping(vec![0; 125].into()))
            .await
            .unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().len(), 125);
        echo(&mut socket, Message::text("hello")).await;
        socket
            .close(CloseCode::Normal, "ä".repeat(100))
            .await
            .unwrap();
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    let close = server.seen(&url)[0].frames.last().unwrap().clone();
    assert_eq!(close.payload[2..], *"ä".repeat(61).as_bytes());
}

#[tokio::test]
async fn a_code_that_no_frame_may_have_is_not_sent() {
    let server = WebSocketServer::start();
    for code in [0, 999, 1005, 1006, 1015, 2999, 5000] {
        let url = server.serve(WebSocketPeer::echoes());
        let work = clean(context(), async {
            let mut socket = open(&url).await;
            socket.close(CloseCode::from(code), "why").await.unwrap();
        });
        in_time(work).await;
        server.wait_until(|counts| counts.open == 0).await;
        assert_eq!(server.seen(&url)[0].close_codes(), [1005], "{code}");
    }
}

#[tokio::test]
async fn small_buffers_change_nothing_of_what_is_said() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        for bytes in [0, 1, 7] {
            let request = begin(&url).read_buffer_size(bytes);
            let mut socket = request.connect().await.unwrap();
            echo(&mut socket, Message::text("hello ".repeat(100))).await;
        }
    });
    in_time(work).await;
}
