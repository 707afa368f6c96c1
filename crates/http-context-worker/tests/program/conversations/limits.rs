//! What a conversation takes, and what its result has room for.

use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketServer, opcode};
use serde_json::json;

use super::run;

/// Sends these, and answers the Close frame.
fn sends(frames: &[Frame]) -> WebSocketPeer {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.extend(frame.bytes());
    }
    let peer = WebSocketPeer::opens().then(Step::Send(bytes));
    peer.then(Step::AwaitClose).sends(&Frame::close(1000, ""))
}

#[test]
fn messages_beyond_those_that_are_waited_for_are_counted_and_not_in_the_result() {
    let server = WebSocketServer::start();
    let texts = ["1", "2", "3", "4", "5"].map(Frame::text);
    let url = server.serve(sends(&texts));
    let (done, line) = run(&json!({"url": url, "receive": 2}), &[]);
    assert_eq!(done.code(), 0);
    let talked = &line["websocket"];
    assert_eq!(talked["received"], json!(["1", "2"]));
    assert_eq!(talked["received_omitted"], 0);
    assert_eq!(talked["received_messages"], 5);
    assert_eq!(server.counts().sent.text, 5);
}

#[test]
fn pings_and_pongs_are_no_messages_and_fragments_are_one() {
    let server = WebSocketServer::start();
    let url = server.serve(sends(&[
        Frame::new(opcode::PING, "are you there"),
        Frame::new(opcode::PONG, "unasked"),
        Frame::text("one ").begun(),
        Frame::new(opcode::PING, "still"),
        Frame::new(opcode::CONTINUATION, "message"),
        Frame::new(opcode::BINARY, [7]),
    ]));
    let (_, line) = run(&json!({"url": url, "receive": 2}), &[]);
    let talked = &line["websocket"];
    assert_eq!(
        talked["received"],
        json!(["one message", {"base64": "Bw=="}])
    );
    assert_eq!(talked["received_messages"], 2);
    assert_eq!(
        server.seen(&url)[0].pongs(),
        [&b"are you there"[..], &b"still"[..]]
    );
}

#[test]
fn a_result_keeps_whole_messages_up_to_256_kib_and_says_how_many_it_leaves_out() {
    let server = WebSocketServer::start();
    let long = "x".repeat(100 * 1024);
    let url = server.serve(sends(&[
        Frame::text(&long),
        Frame::text(&long),
        Frame::text(&long),
        Frame::text("short"),
    ]));
    let (done, line) = run(&json!({"url": url, "receive": 4}), &[]);
    assert_eq!(done.code(), 0);
    let talked = &line["websocket"];
    assert_eq!(talked["received"], json!([long, long]));
    assert_eq!(talked["received_omitted"], 2);
    assert_eq!(talked["received_messages"], 4);
}

#[test]
fn a_message_of_more_than_16_mib_ends_the_conversation() {
    let server = WebSocketServer::start();
    let mut head = vec![0x82, 127];
    head.extend((16 * 1024 * 1024 + 1_u64).to_be_bytes());
    let peer = WebSocketPeer::opens().sends(&Frame::text("one"));
    let url = server.serve(peer.then(Step::Send(head)).stays());
    let (done, line) = run(&json!({"url": url, "receive": 2}), &[]);
    assert_eq!(done.code(), 1);
    let talked = &line["websocket"];
    assert_eq!(talked["received"], json!(["one"]));
    let error = talked["error"].as_str().unwrap();
    assert!(error.contains("at most 16777216 are allowed"), "{error}");
    assert_eq!(server.seen(&url)[0].close_codes(), [1009]);
}
