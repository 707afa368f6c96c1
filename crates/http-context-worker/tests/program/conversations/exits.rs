//! Workers that end while a conversation goes on.

use http_context_tests::{Frame, Step, WebSocketPeer, WebSocketServer};
use serde_json::json;

use super::wait_until;
use crate::support::{Files, Running, to_lines};

/// Takes a message, waits for the gate, and sends one.
fn waits(server: &WebSocketServer) -> String {
    let peer = WebSocketPeer::opens().then(Step::AwaitFrames(1));
    let peer = peer.then(Step::AwaitGate).sends(&Frame::text("at last"));
    server.serve(peer.then(Step::AwaitClose).sends(&Frame::close(1000, "")))
}

fn start(files: &Files, more: &[&str]) -> Running {
    let mut command = files.command(&[("--state", "state")]);
    Running::start(command.arg("--json").args(more))
}

fn with_a_job(server: &WebSocketServer) -> Files {
    let files = Files::new();
    let websocket = json!({"url": waits(server), "send": ["hello"], "receive": 1});
    files.write(
        "jobs",
        to_lines([json!({"id": "c1", "websocket": websocket})]),
    );
    files
}

#[test]
fn a_conversation_that_is_cut_off_says_1001_stays_in_the_queue_and_runs_again() {
    let server = WebSocketServer::start();
    let files = with_a_job(&server);
    let mut run = start(&files, &["--drain-timeout", "0"]);
    wait_until(&server, |counts| counts.received.text == 1);
    run.signal_heard("TERM");
    assert_eq!(run.wait().code(), 143);
    wait_until(&server, |counts| counts.open == 0);
    assert_eq!(server.seen_all()[0].close_codes(), [1001]);
    assert_eq!(files.read("results"), "");

    server.gate().open();
    let done = start(&files, &[]).wait();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let line = &files.json("results")[0];
    assert_eq!(line["websocket"]["received"], json!(["at last"]));
    assert_eq!(line["websocket"]["sent_messages"], 1);
}

#[test]
fn a_conversation_ends_as_it_should_within_the_drain() {
    let server = WebSocketServer::start();
    let files = with_a_job(&server);
    let mut run = start(&files, &["--drain-timeout", "60"]);
    wait_until(&server, |counts| counts.received.text == 1);
    run.signal_heard("TERM");
    server.gate().open();
    assert_eq!(run.wait().code(), 0);
    assert_eq!(files.json("results")[0]["status"], "ok");
    assert_eq!(server.seen_all()[0].close_codes(), [1000]);
}

#[test]
fn a_conversation_with_which_workers_crash_is_poisoned_and_has_no_result_of_its_own() {
    let server = WebSocketServer::start();
    let files = with_a_job(&server);
    let mut run = start(&files, &["--max-crashes", "1"]);
    wait_until(&server, |counts| counts.received.text == 1);
    run.0.kill().unwrap();
    run.wait();
    let done = start(&files, &["--max-crashes", "1"]).wait();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    let line = &files.json("results")[0];
    assert!(line["error"].as_str().unwrap().starts_with("poisoned"));
    assert_eq!(
        (line.get("websocket"), &line["requests"]),
        (None, &json!([]))
    );
    assert_eq!(wait_until(&server, |counts| counts.open == 0).accepted, 1);
}
