//! Every conversation that is one, and every one that is not.

use super::super::super::{Job, MAX_RECEIVE, WebSocketMessage, parse};
use super::BadField;

fn parsed(line: &str) -> Result<Job, BadField> {
    parse(line.as_bytes())
}

#[test]
fn a_conversation_needs_no_more_than_a_url() {
    for url in ["ws://h", "wss://h/x?y#z", "http://h/", "https://[::1]:1/"] {
        let line = format!(r#"{{"id":"c1","websocket":{{"url":"{url}","mine":1}}}}"#);
        let job = parsed(&line).unwrap();
        assert!(job.requests.is_empty());
        let websocket = job.websocket.unwrap();
        assert_eq!(websocket.url, url);
        assert_eq!((websocket.send.len(), websocket.receive), (0, 0));
        assert_eq!(websocket.timeout_ms, None);
    }
}

#[test]
fn every_field_is_kept_and_survives_the_queue() {
    let line = r#"{"id":"c1","proxy":"http://localhost:3128","websocket":{"url":"wss://h/",
        "headers":{"X-A":"1"},"subprotocols":["v2","v1"],"timeout_ms":5000,"receive":3,
        "send":["text","",{"base64":"AAEC/w==","note":1},{"base64":""}]},"requests":null}"#;
    let job = parsed(line).unwrap();
    let websocket = job.websocket.clone().unwrap();
    assert_eq!(websocket.headers, [("X-A".to_owned(), "1".to_owned())]);
    assert_eq!(websocket.subprotocols, ["v2", "v1"]);
    assert_eq!(websocket.timeout_ms, Some(5000));
    assert_eq!(websocket.receive, 3);
    let bytes = |base64: &[u8]| WebSocketMessage::Binary {
        base64: base64.to_vec(),
    };
    assert_eq!(
        websocket.send,
        [
            WebSocketMessage::Text("text".to_owned()),
            WebSocketMessage::Text(String::new()),
            bytes(&[0, 1, 2, 255]),
            bytes(&[]),
        ]
    );
    let kept = serde_json::to_string(&job).unwrap();
    // A worker that knows no conversations refuses it, and does not take it for a job of no requests.
    assert!(!kept.contains(r#""requests""#), "{kept}");
    let read: Job = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, job);
}

#[test]
fn a_job_that_an_older_worker_has_queued_is_read() {
    let job: Job =
        serde_json::from_str(r#"{"id":"a","requests":[{"method":"GET","url":"http://h/"}]}"#)
            .unwrap();
    assert_eq!((job.requests.len(), job.websocket), (1, None));
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_named() {
    let most = format!(r#"{{"url":"ws://h/","receive":{}}}"#, MAX_RECEIVE + 1);
    let cases = [
        ("7", "websocket", "must be an object"),
        ("{}", "websocket.url", "is missing"),
        (r#"{"url":7}"#, "websocket.url", "must be a string"),
        (r#"{"url":""}"#, "websocket.url", "is not a URL"),
        (r#"{"url":"ws://"}"#, "websocket.url", "is not a URL"),
        (r#"{"url":"ftp://h/"}"#, "websocket.url", "must begin with ws:// or wss:// or http:// or https://"),
        (r#"{"url":"ws://h/","headers":[]}"#, "websocket.headers", "must be an object"),
        (r#"{"url":"ws://h/","headers":{"a":"b\n"}}"#, "websocket.headers.a", "cannot hold"),
        (r#"{"url":"ws://h/","headers":{"Upgrade":"websocket"}}"#, "websocket.headers.Upgrade", "leave it out"),
        (r#"{"url":"ws://h/","headers":{"Sec-WebSocket-Key":"x"}}"#, "websocket.headers.Sec-WebSocket-Key", "leave it out"),
        (r#"{"url":"ws://h/","headers":{"sec-websocket-protocol":"x"}}"#, "websocket.headers.sec-websocket-protocol", "subprotocols"),
        (r#"{"url":"ws://h/","subprotocols":"v1"}"#, "websocket.subprotocols", "must be a list"),
        (r#"{"url":"ws://h/","subprotocols":["v1",7]}"#, "websocket.subprotocols[1]", "must be a string"),
        (r#"{"url":"ws://h/","subprotocols":["a, b"]}"#, "websocket.subprotocols[0]", "is not the name"),
        (r#"{"url":"ws://h/","subprotocols":[""]}"#, "websocket.subprotocols[0]", "is not the name"),
        (r#"{"url":"ws://h/","subprotocols":["v1","v1"]}"#, "websocket.subprotocols[1]", "already"),
        (r#"{"url":"ws://h/","send":"a"}"#, "websocket.send", "must be a list"),
        (r#"{"url":"ws://h/","send":["a",7]}"#, "websocket.send[1]", "must be a string, or an object"),
        (r#"{"url":"ws://h/","send":[null]}"#, "websocket.send[0]", "this is null"),
        (r#"{"url":"ws://h/","send":[{}]}"#, "websocket.send[0].base64", "is missing"),
        (r#"{"url":"ws://h/","send":[{"base64":7}]}"#, "websocket.send[0].base64", "must be a string"),
        (r#"{"url":"ws://h/","send":[{"base64":"AA"}]}"#, "websocket.send[0].base64", "with padding"),
        (r#"{"url":"ws://h/","send":[{"base64":"_w=="}]}"#, "websocket.send[0].base64", "standard alphabet"),
        (&most, "websocket.receive", "from 0 to 1000000"),
        (r#"{"url":"ws://h/","receive":-1}"#, "websocket.receive", "whole number"),
        (r#"{"url":"ws://h/","receive":1.5}"#, "websocket.receive", "whole number"),
        (r#"{"url":"ws://h/","receive":"3"}"#, "websocket.receive", "whole number"),
        (r#"{"url":"ws://h/","timeout_ms":0}"#, "websocket.timeout_ms", "from 1 to 86400000"),
    ];
    for (websocket, field, error) in cases {
        let line = format!(r#"{{"id":"c1","websocket":{websocket}}}"#);
        let bad = parsed(&line).expect_err(&line);
        assert_eq!(bad.field, field, "{line}: {bad}");
        assert!(bad.error.contains(error), "{line}: {bad}");
    }
}

#[test]
fn a_job_is_either_requests_or_a_conversation() {
    for (beside, field) in [
        (r#""requests":[{"url":"http://h/"}]"#, "requests"),
        (r#""requests":[]"#, "requests"),
        (r#""url":"http://h/""#, "url"),
        (r#""body":"b""#, "body"),
        (r#""timeout_ms":5"#, "timeout_ms"),
    ] {
        let line = format!(r#"{{"id":"c1",{beside},"websocket":{{"url":"ws://h/"}}}}"#);
        let bad = parsed(&line).expect_err(&line);
        assert_eq!(bad.field, field);
        assert!(bad.error.contains("cannot stand beside"), "{bad}");
    }
}

#[test]
fn no_message_repeats_a_value() {
    for websocket in [
        r#"{"url":"hunter2"}"#,
        r#"{"url":"ws://h/","headers":{"a":"hunter2\n"}}"#,
        r#"{"url":"ws://h/","subprotocols":["hunter2 "]}"#,
        r#"{"url":"ws://h/","send":[{"base64":"hunter2"}]}"#,
        r#"{"url":"ws://h/","receive":"hunter2"}"#,
    ] {
        let line = format!(r#"{{"id":"c1","websocket":{websocket}}}"#);
        let bad = parsed(&line).expect_err(&line);
        assert!(!bad.to_string().contains("hunter2"), "{bad}");
    }
}
