//! What becomes of WebSockets when their session closes.

use std::time::Duration;

use http_context::testing::Fact;
use http_context::websocket::{Message, WebSocketError};
use http_context::{BodyEndReason, LeakKind, UpgradeEndReason, closing, http_session, spawn};
use http_context_tests::{Step, WebSocketPeer, WebSocketServer};
use tokio::sync::oneshot;

use crate::support::{Ends as _, Wire, clean, context, echo, in_time, open, recorded, reported};

/// Long enough to be told from an exit that waited for it.
const LONG: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_close_frame_goes_out_at_the_beginning_to_all_and_its_answer_ends_the_exit() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::echoes());
        let work = reported(context.drain_timeout(LONG), async {
            let mut kept = Vec::new();
            for _ in 0..5 {
                kept.push(open(&url).await);
            }
            kept
        });
        let (kept, report) = in_time(work).await;
        assert!(report.exit_duration < LONG / 3, "{report}");
        server.wait_until(|counts| counts.open == 0).await;
        for seen in server.seen(&url) {
            assert_eq!(seen.close_codes(), [1001]);
        }
        assert_eq!(report.aborted, 0, "{report}");
        // They are told as leaked all the same: they are held.
        assert_eq!(report.leaks.len(), 1, "{report}");
        assert_eq!(report.leaks[0].kind, LeakKind::UpgradedConnection);
        assert_eq!(report.leaks[0].count, 5, "{report}");
        for end in recorder.ends() {
            assert_eq!(end.reason, UpgradeEndReason::Exit);
            assert_eq!((end.close_code, end.is_dropped), (Some(1001), false));
        }
        assert_eq!(recorder.ends().len(), 5);
        for mut socket in kept {
            let last = socket.next().await;
            assert!(matches!(last, Some(Ok(Message::Close(_)))), "{last:?}");
            assert!(socket.next().await.is_none());
            let error = socket.send(Message::text("more")).await.unwrap_err();
            assert!(error.is_session_closed(), "{error:?}");
        }
        assert_eq!(recorder.leaked_and_resolved(), (5, 5));
    }
}

#[tokio::test]
async fn who_reads_gets_what_comes_and_then_the_end() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let peer = WebSocketPeer::opens()
            .then(Step::AwaitClose)
            .sends(&http_context_tests::Frame::text("one more"))
            .sends(&http_context_tests::Frame::close(1001, ""));
        let url = server.serve(peer);
        let work = clean(context.drain_timeout(LONG), async {
            let mut socket = open(&url).await;
            spawn(async move {
                let got = socket.next().await.unwrap().unwrap();
                assert_eq!(got, Message::text("one more"));
                let error = socket.send(Message::text("no")).await.unwrap_err();
                assert!(error.is_session_closed(), "{error:?}");
                let last = socket.next().await.unwrap();
                assert!(matches!(last, Ok(Message::Close(_))), "{last:?}");
                assert!(socket.next().await.is_none());
            });
        });
        let ((), report) = in_time(work).await;
        assert!(report.exit_duration < LONG / 3, "{report}");
        let end = recorder.end();
        assert_eq!(
            (end.reason, end.close_code),
            (UpgradeEndReason::Exit, Some(1001))
        );
        let bodies = recorder.all(|fact| match fact {
            Fact::ResponseBodyEnded { end, .. } => Some(end.reason),
            _ => None,
        });
        assert_eq!(bodies, [BodyEndReason::Aborted]);
    }
}

#[tokio::test]
async fn a_peer_that_never_answers_costs_the_drain_and_no_more() {
    let drain = Duration::from_millis(200);
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::opens().stays());
        let work = reported(context.drain_timeout(drain), async {
            let read = open(&url).await;
            let reading = spawn(async move {
                let mut read = read;
                read.next().await.unwrap().unwrap_err()
            });
            (open(&url).await, reading)
        });
        let ((mut kept, reading), report) = in_time(work).await;
        assert!(report.exit_duration >= drain, "{report}");
        assert!(
            report.exit_duration < drain + Duration::from_secs(1),
            "{report}"
        );
        server.wait_until(|counts| counts.open == 0).await;
        for seen in server.seen(&url) {
            assert_eq!(seen.close_codes(), [1001]);
        }
        let error = in_time(reading).await.unwrap();
        assert!(error.is_session_closed(), "{error:?}");
        let error = kept.next().await.unwrap().unwrap_err();
        assert!(error.is_session_closed(), "{error:?}");
        assert!(kept.next().await.is_none());
        let error = kept.send(Message::text("more")).await.unwrap_err();
        assert!(error.is_session_closed(), "{error:?}");
        drop(kept);
        let (leaked, resolved) = recorder.leaked_and_resolved();
        assert_eq!(leaked, resolved, "{report}");
        for end in recorder.ends() {
            assert_eq!(
                (end.reason, end.close_code),
                (UpgradeEndReason::Exit, Some(1001))
            );
        }
        assert_eq!(recorder.ends().len(), 2);
    }
}

#[tokio::test]
async fn a_session_that_is_closed_says_so_to_its_peers_and_cuts_them_off() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::opens().stays());
        let work = clean(context, async {
            let (mut reader, _writer) = open(&url).await.into_split();
            let mut other = open(&url).await;
            let reading = spawn(async move { reader.next().await.unwrap().unwrap_err() });
            tokio::task::yield_now().await;
            http_session().unwrap().close();
            let error = other.next().await.unwrap().unwrap_err();
            assert!(error.is_session_closed(), "{error:?}");
            let error = other.send(Message::text("more")).await.unwrap_err();
            assert!(error.is_session_closed(), "{error:?}");
            let error = in_time(reading).await.unwrap();
            assert!(error.is_session_closed(), "{error:?}");
            server.wait_until(|counts| counts.open == 0).await;
            // The next session is another one.
            let mut socket = open(&server.serve(WebSocketPeer::echoes())).await;
            echo(&mut socket, Message::text("again")).await;
        });
        in_time(work).await;
        for seen in server.seen(&url) {
            assert_eq!(seen.close_codes(), [1001]);
        }
        let reasons: Vec<_> = recorder.ends().iter().map(|end| end.reason).collect();
        let (exit, local) = (UpgradeEndReason::Exit, UpgradeEndReason::Local);
        assert_eq!(reasons, [exit, exit, local]);
    }
}

/// Its peer has heard that it closes, so that the exit has nothing to say to it.
#[tokio::test]
async fn who_sends_on_one_that_was_closing_is_told_that_the_session_closed() {
    for wire in Wire::ALL {
        let server = wire.server();
        let url = server.serve(WebSocketPeer::opens().stays());
        let work = clean(context(), async {
            let mut socket = open(&url).await;
            socket.send(Message::Close(None)).await.unwrap();
            http_session().unwrap().close();
            let error = socket.send(Message::text("more")).await.unwrap_err();
            assert!(error.is_session_closed(), "{error:?}");
        });
        in_time(work).await;
        server.wait_until(|counts| counts.open == 0).await;
    }
}

#[tokio::test]
async fn a_context_that_is_cancelled_says_so_to_its_peers_and_cuts_them_off() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let url = server.serve(WebSocketPeer::opens().stays());
        let (sender, receiver) = oneshot::channel();
        let opened = url.clone();
        let work = tokio::spawn(reported(context, async move {
            let _ = sender.send(open(&opened).await);
            let _inside = open(&opened).await;
            std::future::pending::<()>().await;
        }));
        let mut kept = in_time(receiver).await.unwrap();
        server.wait_until(|counts| counts.upgraded == 2).await;
        // It is at the end of its work by then, or about to get there.
        let _ = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
        work.abort();
        let error = in_time(kept.next()).await.unwrap().unwrap_err();
        assert!(error.is_session_closed(), "{error:?}");
        server.wait_until(|counts| counts.open == 0).await;
        for seen in server.seen(&url) {
            assert_eq!(seen.close_codes(), [1001]);
        }
        assert_eq!(recorder.ends().len(), 2);
    }
}

#[tokio::test]
async fn one_that_stops_when_its_context_closes_costs_the_exit_nothing() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context.drain_timeout(LONG), async {
        let mut socket = open(&url).await;
        let closing = closing();
        spawn(async move {
            tokio::select! {
                () = closing => {}
                message = socket.next() => {
                    // The Close frame is answered as soon as it is out.
                    assert!(matches!(message, Some(Ok(Message::Close(_)))), "{message:?}");
                }
            }
        });
    });
    let ((), report) = in_time(work).await;
    assert!(report.exit_duration < LONG / 3, "{report}");
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(server.seen(&url)[0].close_codes(), [1001]);
    assert!(!recorder.end().is_dropped);
}

#[tokio::test]
async fn one_whose_own_close_is_under_way_is_waited_for() {
    for wire in Wire::ALL {
        let (server, (context, recorder)) = (wire.server(), recorded());
        let peer = WebSocketPeer::opens()
            .then(Step::AwaitClose)
            .then(Step::AwaitGate)
            .sends(&http_context_tests::Frame::close(1000, ""));
        let url = server.serve(peer);
        let work = clean(context.drain_timeout(LONG), async {
            let mut socket = open(&url).await;
            spawn(async move {
                let code = http_context::websocket::CloseCode::Normal;
                socket.close(code, "").await.unwrap();
            });
            server.wait_until(|counts| counts.received.close == 1).await;
            let gate = server.gate().clone();
            let closing = closing();
            tokio::spawn(async move {
                closing.await;
                gate.open();
            });
        });
        let ((), report) = in_time(work).await;
        assert!(report.exit_duration < LONG / 3, "{report}");
        server.wait_until(|counts| counts.open == 0).await;
        assert_eq!(server.seen(&url)[0].close_codes(), [1000]);
        let end = recorder.end();
        assert_eq!(
            (end.reason, end.close_code),
            (UpgradeEndReason::Local, Some(1000))
        );
    }
}

#[tokio::test]
async fn a_handshake_that_is_under_way_at_the_exit_is_cut_off() {
    let (server, (context, recorder)) = (WebSocketServer::start(), recorded());
    let url = server.serve(WebSocketPeer::answers("").stays());
    let work = reported(context.drain_timeout(Duration::from_millis(20)), async {
        let connecting = crate::support::begin(&url).connect();
        let connecting = spawn(async move { connecting.await.unwrap_err() });
        server.wait_until(|counts| counts.open == 1).await;
        Some(connecting)
    });
    let (connecting, report) = in_time(work).await;
    let error = in_time(connecting.unwrap()).await.unwrap();
    assert!(error.is_session_closed(), "{error:?}");
    assert!(matches!(error, WebSocketError::Request(_)), "{error:?}");
    assert!(report.exit_duration < LONG / 3, "{report}");
    server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(recorder.begun(), 0);
}
