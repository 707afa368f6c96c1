//! Jobs that are conversations over a WebSocket. What is counted is held against a server with a codec
//! of its own.

mod ends;
mod exits;
mod limits;

use http_context_tests::{Frame, WebSocketCounts, WebSocketPeer, WebSocketServer, tls};
use serde_json::{Value, json};

use crate::support::{Files, Finished, finish, to_lines};

/// Runs one conversation, and returns what was written of it.
fn run(websocket: &Value, more: &[&str]) -> (Finished, Value) {
    run_job(&json!({"id": "c1", "websocket": websocket}), more)
}

fn run_job(job: &Value, more: &[&str]) -> (Finished, Value) {
    let files = Files::new();
    files.write("jobs", format!("{job}\n"));
    let authority = files.write("authority", tls::ca_pem());
    let mut command = files.command(&[]);
    command.env("SSL_CERT_FILE", authority);
    let done = finish(command.arg("--json").args(more));
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    let lines = files.json("results");
    assert_eq!(lines.len(), 1, "{}", done.stderr);
    (done, lines[0].clone())
}

/// Waits until the server is as asked.
fn wait_until(
    server: &WebSocketServer,
    condition: impl FnMut(&WebSocketCounts) -> bool + Send,
) -> WebSocketCounts {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    runtime.block_on(server.wait_until(condition))
}

#[test]
fn a_conversation_has_a_result_with_what_came_and_the_server_counts_the_same() {
    for (server, way) in [
        (WebSocketServer::start(), "ws"),
        (WebSocketServer::start_tls(), "wss"),
    ] {
        let url = server.serve(WebSocketPeer::echoes());
        assert!(url.starts_with(&format!("{way}://")));
        let said = json!(["hello", {"base64": "AAEC/w=="}, "", "żółw"]);
        let websocket = json!({"url": url, "send": said, "receive": 4});
        let (done, line) = run(&websocket, &[]);
        assert_eq!(done.code(), 0, "{way}: {line}");

        assert_eq!(line["status"], "ok");
        assert_eq!(line["requests"], json!([]));
        assert_eq!(
            line["exit"],
            json!({"outcome": "completed", "requests": 1, "connections_opened": 1,
                   "connections_reused": 0, "leaks": []})
        );
        let talked = &line["websocket"];
        assert_eq!(talked["status"], 101);
        assert_eq!(talked["connection"], "new");
        assert_eq!(talked["received"], said);
        assert_eq!(talked["received_omitted"], 0);
        assert_eq!(talked["close_code"], 1000);
        assert_eq!(talked["subprotocol"], Value::Null);
        assert_eq!(talked["error"], Value::Null);
        assert!(talked["duration_ms"].as_f64().unwrap() > 0.0);

        let counts = wait_until(&server, |counts| counts.open == 0);
        assert_eq!((counts.accepted, counts.upgraded, counts.http2), (1, 1, 0));
        assert_eq!((counts.received.text, counts.received.binary), (3, 1));
        assert_eq!((counts.sent.text, counts.sent.binary), (3, 1));
        assert_eq!(talked["sent_messages"], 4);
        assert_eq!(talked["received_messages"], 4);
        assert_eq!(talked["sent_bytes"], counts.received.bytes);
        assert_eq!(talked["received_bytes"], counts.sent.bytes);
        let seen = &server.seen(&url)[0];
        assert_eq!(seen.close_codes(), [1000]);
        assert_eq!(seen.messages()[1].1, [0, 1, 2, 255]);
        assert_eq!(
            done.summary()["websockets"],
            json!({"opened": 1, "sent_messages": 4, "received_messages": 4})
        );
        assert_eq!(done.summary()["requests"], 1);
    }
}

#[test]
fn a_run_without_conversations_says_nothing_of_them() {
    let server = crate::support::Server::start();
    let job = json!({"id": "a", "url": server.url("/item/1")});
    let (done, line) = run_job(&job, &[]);
    assert_eq!(line.get("websocket"), None);
    assert_eq!(done.summary().get("websockets"), None);
}

#[test]
fn headers_and_subprotocols_go_with_the_handshake_and_the_choice_is_in_the_result() {
    let server = WebSocketServer::start();
    let chooses = "sec-websocket-protocol: v1.chat\r\n";
    let url = server.serve(WebSocketPeer::opens_with(chooses).stays());
    let websocket = json!({"url": url.replacen("ws", "http", 1), "headers": {"x-token": "abc"},
                           "subprotocols": ["v2.chat", "v1.chat"]});
    let (_, line) = run(&websocket, &[]);
    assert_eq!(line["status"], "ok", "{line}");
    assert_eq!(line["websocket"]["subprotocol"], "v1.chat");
    let seen = &server.seen(&url)[0];
    assert_eq!(seen.header("x-token"), Some("abc"));
    assert_eq!(
        seen.header("sec-websocket-protocol"),
        Some("v2.chat, v1.chat")
    );
}

#[test]
fn a_conversation_goes_through_the_proxy_of_its_job() {
    let proxy = WebSocketServer::start();
    let job = json!({"id": "c1", "websocket": {"url": "ws://nowhere.invalid/talk"},
                     "proxy": format!("http://{}", proxy.addr())});
    let (done, line) = run_job(&job, &[]);
    // It has no such peer.
    assert_eq!(done.code(), 1);
    assert_eq!(line["websocket"]["status"], 404, "{line}");
    let heads = proxy.seen_all();
    assert_eq!(heads[0].header("host"), Some("nowhere.invalid"));
}

#[test]
fn a_failed_conversation_is_tried_again_whatever_failed_it() {
    let opens = WebSocketPeer::opens;
    for (peer, expected) in [
        (WebSocketPeer::refuses(503, "", ""), 0),
        (WebSocketPeer::refuses(403, "", ""), 0),
        (WebSocketPeer::answers(""), 0),
        (opens().sends(&Frame::close(1011, "")), 2),
        (opens().sends(&Frame::text("one")), 2),
    ] {
        let server = WebSocketServer::start();
        let url = server.serve(peer.clone());
        let websocket = json!({"url": url, "receive": 2});
        let more = ["--max-attempts", "2", "--retry-delay", "0"];
        let (done, line) = run(&websocket, &more);
        assert_eq!(done.code(), 1);
        assert_eq!(line["attempts"], 2, "{peer:?}: {line}");
        assert_eq!(done.summary()["jobs"]["retried"], 1);
        let counts = wait_until(&server, |counts| counts.open == 0);
        assert_eq!((counts.accepted, counts.upgraded), (2, expected));
    }
}

#[test]
fn a_conversation_that_succeeds_at_its_second_attempt_is_ok() {
    let (files, first) = (Files::new(), crate::support::Gate::start());
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let websocket = json!({"url": first.url("/"), "send": ["again"], "receive": 1});
    files.write(
        "jobs",
        to_lines([json!({"id": "c1", "websocket": websocket})]),
    );
    let mut command = files.command(&[]);
    command.args(["--max-attempts", "2", "--retry-delay", "0"]);
    let run = crate::support::Running::start(&mut command);
    first
        .next()
        .answer_with("503 Service Unavailable", "retry-after: 0\r\n");
    // The next attempt is sent on to the one that opens a WebSocket.
    let location = format!("location: {}\r\n", url.replacen("ws", "http", 1));
    first
        .next()
        .answer_with("307 Temporary Redirect", &location);
    assert_eq!(run.wait().code(), 0);
    let line = &files.json("results")[0];
    assert_eq!(
        (&line["attempts"], &line["status"]),
        (&json!(2), &json!("ok"))
    );
    assert_eq!(line["websocket"]["received"], json!(["again"]));
}
