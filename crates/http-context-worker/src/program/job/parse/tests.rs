//! Every line that is a job, and every line that is not.

use super::*;

fn parsed(line: &str) -> Result<Job, BadField> {
    parse(line.as_bytes())
}

#[test]
fn the_short_form_is_a_job_of_one_get() {
    let job = parsed(r#"{"id":"a1","url":"https://example.com/x"}"#).unwrap();
    assert_eq!(job.id, "a1");
    assert_eq!(job.concurrency, 1);
    assert_eq!(job.requests.len(), 1);
    assert_eq!(job.requests[0].method, "GET");
    assert_eq!(job.requests[0].url, "https://example.com/x");
}

#[test]
fn the_long_form_keeps_every_field() {
    let job = parsed(
        r#"{"id":"a1","concurrency":8,"proxy":"http://u:p@localhost:3128","note":{"mine":1},
           "requests":[{"method":"post","url":"https://example.com/","headers":{"X-A":"1","x-b":"é"},
           "body":"hi","timeout_ms":5000},{"url":"http://[::1]:80/","body":null}]}"#,
    )
    .unwrap();
    assert_eq!(job.concurrency, 8);
    assert_eq!(job.proxy.as_deref(), Some("http://u:p@localhost:3128"));
    let first = &job.requests[0];
    assert_eq!(first.method, "POST");
    assert_eq!(first.headers.len(), 2);
    assert_eq!(first.body.as_deref(), Some("hi"));
    assert_eq!(first.timeout_ms, Some(5000));
    assert_eq!(job.requests[1].body, None);
}

#[test]
fn a_job_survives_the_queue() {
    let job =
        parsed(r#"{"id":"a","url":"http://h/","headers":{"a":"b"},"concurrency":2}"#).unwrap();
    let stored = serde_json::to_vec(&job).unwrap();
    assert_eq!(serde_json::from_slice::<Job>(&stored).unwrap(), job);
}

#[test]
fn each_bad_line_names_its_field() {
    let long_id = format!(r#"{{"id":"{}","url":"http://h/"}}"#, "x".repeat(513));
    let deep = "[".repeat(200);
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        ("nonsense", "line", "is not JSON"),
        (r#"{"id":"a""#, "line", "is not JSON"),
        (r#"{"id":"a","url":"http://h/"} extra"#, "line", "is not JSON"),
        (&deep, "line", "is not JSON"),
        ("[]", "line", "this is a list"),
        ("7", "line", "this is a number"),
        ("null", "line", "this is null"),
        ("{}", "id", "is missing"),
        (r#"{"id":null,"url":"http://h/"}"#, "id", "is missing"),
        (r#"{"id":7,"url":"http://h/"}"#, "id", "must be a string"),
        (r#"{"id":"","url":"http://h/"}"#, "id", "must not be empty"),
        (&long_id, "id", "at most 512 bytes"),
        (r#"{"id":"a"}"#, "url", "is missing: a job needs a url, a list of requests, or a websocket"),
        (r#"{"id":"a","url":7}"#, "url", "must be a string"),
        (r#"{"id":"a","url":""}"#, "url", "is not a URL"),
        (r#"{"id":"a","url":"/path"}"#, "url", "is not a URL"),
        (r#"{"id":"a","url":"http://"}"#, "url", "is not a URL"),
        (r#"{"id":"a","url":"http://h:99999/"}"#, "url", "is not a URL"),
        (r#"{"id":"a","url":"ftp://h/"}"#, "url", "http:// or https://"),
        (r#"{"id":"a","url":"file:///etc/passwd"}"#, "url", "http:// or https://"),
        (r#"{"id":"a","url":"http://h/","requests":[]}"#, "url", "cannot stand beside"),
        (r#"{"id":"a","method":"GET","requests":[{"url":"http://h/"}]}"#, "method", "cannot stand beside"),
        (r#"{"id":"a","requests":[]}"#, "requests", "must not be empty"),
        (r#"{"id":"a","requests":{}}"#, "requests", "must be a list"),
        (r#"{"id":"a","requests":[7]}"#, "requests[0]", "must be an object"),
        (r#"{"id":"a","requests":[{"url":"http://h/"},{}]}"#, "requests[1].url", "is missing"),
        (r#"{"id":"a","requests":[{"url":"http://h/","method":"G T"}]}"#, "requests[0].method", "not an HTTP method"),
        (r#"{"id":"a","url":"http://h/","method":""}"#, "method", "not an HTTP method"),
        (r#"{"id":"a","url":"http://h/","method":7}"#, "method", "must be a string"),
        (r#"{"id":"a","url":"http://h/","method":"connect"}"#, "method", "CONNECT"),
        (r#"{"id":"a","url":"http://h/","headers":[]}"#, "headers", "must be an object"),
        (r#"{"id":"a","url":"http://h/","headers":{"a b":"c"}}"#, "headers.a b", "not a header name"),
        (r#"{"id":"a","url":"http://h/","headers":{"":"c"}}"#, "headers.", "not a header name"),
        (r#"{"id":"a","url":"http://h/","headers":{"a":"b\r\nc: d"}}"#, "headers.a", "cannot hold"),
        (r#"{"id":"a","url":"http://h/","headers":{"a":1}}"#, "headers.a", "must be a string"),
        (r#"{"id":"a","url":"http://h/","headers":{"Content-Length":"5"}}"#, "headers.Content-Length", "length of the body"),
        (r#"{"id":"a","url":"http://h/","body":{}}"#, "body", "must be a string"),
        (r#"{"id":"a","url":"http://h/","timeout_ms":0}"#, "timeout_ms", "from 1 to 86400000"),
        (r#"{"id":"a","url":"http://h/","timeout_ms":-1}"#, "timeout_ms", "whole number"),
        (r#"{"id":"a","url":"http://h/","timeout_ms":1.5}"#, "timeout_ms", "whole number"),
        (r#"{"id":"a","url":"http://h/","timeout_ms":"5"}"#, "timeout_ms", "whole number"),
        (r#"{"id":"a","url":"http://h/","timeout_ms":1e300}"#, "timeout_ms", "whole number"),
        (r#"{"id":"a","url":"http://h/","concurrency":0}"#, "concurrency", "from 1 to 1000"),
        (r#"{"id":"a","url":"http://h/","concurrency":1001}"#, "concurrency", "from 1 to 1000"),
        (r#"{"id":"a","url":"http://h/","proxy":"nonsense"}"#, "proxy", "is not a URL"),
        (r#"{"id":"a","url":"http://h/","proxy":"socks5://h"}"#, "proxy", "http:// or https://"),
        (r#"{"id":"a","url":"http://h/","proxy":7}"#, "proxy", "must be a string"),
    ];
    for (line, field, error) in cases {
        let bad = parsed(line).expect_err(line);
        assert_eq!(&bad.field, field, "{line}: {bad}");
        assert!(bad.error.contains(error), "{line}: {bad}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_named_with_its_place() {
    let bad = parse(b"{\"id\":\"\xff\"}").unwrap_err();
    assert_eq!(bad.field, "line");
    assert_eq!(bad.error, "is not UTF-8 (byte 8 of the line)");
}

#[test]
fn no_message_repeats_a_value() {
    for line in [
        r#"{"id":"a","url":"hunter2"}"#,
        r#"{"id":"a","url":"hunter2://h"}"#,
        r#"{"id":"a","url":"http://user:hunter2@/"}"#,
        r#"{"id":"a","url":"http://h/","headers":{"authorization":"hunter2\n"}}"#,
        r#"{"id":"a","url":"http://h/","proxy":"hunter2"}"#,
        r#"{"id":"a","url":"http://h/","method":"hunter2 "}"#,
    ] {
        let bad = parsed(line).expect_err(line);
        assert!(!bad.to_string().contains("hunter2"), "{bad}");
    }
}
