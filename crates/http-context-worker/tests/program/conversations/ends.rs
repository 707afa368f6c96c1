//! How a conversation ends that is not as it should be.

use std::time::Duration;

use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketServer, opcode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{run, wait_until};

#[test]
fn a_refused_handshake_fails_the_job_with_its_status() {
    let server = WebSocketServer::start();
    for status in [200, 400, 403, 503] {
        let url = server.serve(WebSocketPeer::refuses(status, "", "no room\n"));
        for more in [&[][..], &["--fail-on-status"]] {
            let websocket = json!({"url": format!("{url}?sig=hunter2"), "send": ["never"]});
            let (done, line) = run(&websocket, more);
            assert_eq!(done.code(), 1);
            assert_eq!(line["status"], "failed");
            assert_eq!(line["websocket"]["status"], status);
            assert_eq!(line["websocket"]["sent_messages"], 0);
            let error = line["error"].as_str().unwrap();
            assert!(
                error.starts_with("websocket: the server answered"),
                "{error}"
            );
            assert!(error.ends_with("no room"), "{error}");
            assert!(!line.to_string().contains("hunter2"), "{line}");
            assert_eq!(done.summary().get("websockets"), None);
        }
    }
}

#[test]
fn a_server_that_refuses_and_asks_for_a_wait_is_obeyed() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::refuses(503, "retry-after: 2\r\n", ""));
    let more = ["--max-attempts", "2", "--retry-delay", "0"];
    let began = Instant::now();
    let (_, line) = run(&json!({"url": url}), &more);
    assert_eq!(line["attempts"], 2);
    assert!(began.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_server_that_closes_early_fails_the_job_with_its_code() {
    let server = WebSocketServer::start();
    for (frame, code, error) in [
        (
            Frame::close(1011, "no capacity"),
            1011,
            "the server closed it with code 1011: no capacity",
        ),
        (
            Frame::close(1000, ""),
            1000,
            "the server closed it with code 1000",
        ),
        (
            Frame::new(opcode::CLOSE, ""),
            1005,
            "the server closed it without a code",
        ),
    ] {
        let peer = WebSocketPeer::opens().then(Step::AwaitFrames(2));
        let peer = peer.sends(&Frame::text("one")).sends(&frame);
        let url = server.serve(peer.then(Step::AwaitClose));
        let (done, line) = run(&json!({"url": url, "send": ["a", "b"], "receive": 3}), &[]);
        assert_eq!(done.code(), 1);
        let talked = &line["websocket"];
        assert_eq!(talked["received"], json!(["one"]));
        assert_eq!(talked["close_code"], code);
        let error = format!("{error} (2 of 2 messages were sent, 1 of 3 came)");
        assert_eq!(talked["error"], error);
        assert_eq!(line["error"], format!("websocket: {error}"));
        assert_eq!(line["exit"]["outcome"], "failed");
        assert_eq!(line["exit"]["leaks"], json!([]));
        // It was answered.
        wait_until(&server, |counts| counts.open == 0);
        assert_eq!(server.seen(&url)[0].close_codes(), [code]);
    }
}

#[test]
fn a_connection_that_is_lost_leaves_what_had_come() {
    for step in [Step::Cut, Step::Reset, Step::Shutdown] {
        let server = WebSocketServer::start();
        let peer = WebSocketPeer::opens().sends(&Frame::text("one"));
        // So that what was sent has arrived before a reset.
        let url = server.serve(peer.then(Step::AwaitFrames(1)).then(step.clone()));
        let (_, line) = run(&json!({"url": url, "send": ["a"], "receive": 2}), &[]);
        let talked = &line["websocket"];
        assert_eq!(talked["close_code"], Value::Null, "{step:?}");
        let error = talked["error"].as_str().unwrap();
        assert!(error.contains("ended without a Close frame"), "{error}");
        wait_until(&server, |counts| counts.open == 0);
    }
}

#[test]
fn a_timeout_ends_it_with_what_had_come_and_a_close() {
    let server = WebSocketServer::start();
    let peer = WebSocketPeer::opens().sends(&Frame::text("one"));
    let peer = peer.then(Step::AwaitClose).sends(&Frame::close(1000, ""));
    let url = server.serve(peer);
    let websocket = json!({"url": url, "send": ["a"], "receive": 3, "timeout_ms": 300});
    let (done, line) = run(&websocket, &[]);
    assert_eq!(done.code(), 1);
    let talked = &line["websocket"];
    assert_eq!(talked["received"], json!(["one"]));
    assert_eq!(
        talked["error"],
        "took longer than 300ms (1 of 1 messages were sent, 1 of 3 came)"
    );
    assert_eq!(talked["close_code"], 1000);
    assert!(talked["duration_ms"].as_f64().unwrap() >= 300.0);
    assert_eq!(server.seen(&url)[0].close_codes(), [1000]);
    assert_eq!(line["exit"]["leaks"], json!([]));
}

#[test]
fn a_handshake_that_is_not_answered_ends_at_the_timeout() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::answers("").stays());
    let (_, line) = run(&json!({"url": url, "timeout_ms": 200}), &[]);
    assert_eq!(line["websocket"]["status"], Value::Null);
    let error = &line["websocket"]["error"];
    assert_eq!(error, "no WebSocket was opened within 200ms");
    wait_until(&server, |counts| counts.open == 0);
}

#[test]
fn an_answer_that_does_not_fit_is_told() {
    let server = WebSocketServer::start();
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: AAAA\r\n\r\n";
    let url = server.serve(WebSocketPeer::answers(wrong).stays());
    let (_, line) = run(&json!({"url": url}), &[]);
    assert_eq!(line["websocket"]["status"], 101);
    let error = line["websocket"]["error"].as_str().unwrap();
    assert!(error.contains("does not answer the key"), "{error}");
    wait_until(&server, |counts| counts.open == 0);
}

#[test]
fn a_server_that_never_answers_a_close_costs_a_second_and_no_failure() {
    for server in [WebSocketServer::start(), WebSocketServer::start_tls()] {
        let peer = WebSocketPeer::opens().sends(&Frame::text("one"));
        let url = server.serve(peer.stays());
        let (done, line) = run(&json!({"url": url, "receive": 1}), &["--deny-leaks"]);
        assert_eq!(done.code(), 0, "{line}");
        let talked = &line["websocket"];
        assert_eq!(talked["close_code"], Value::Null);
        let took = talked["duration_ms"].as_f64().unwrap();
        assert!((1000.0..5000.0).contains(&took), "{took}");
        assert_eq!(line["exit"]["outcome"], "completed");
        assert_eq!(server.seen(&url)[0].close_codes(), [1000]);
        wait_until(&server, |counts| counts.open == 0);
    }
}
