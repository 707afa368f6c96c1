//! Lines that are not jobs.

use serde_json::{Value, json};

use crate::support::{Files, Server, finish, json_lines, run_command, to_lines};

/// A good job, each kind of bad line, a good job again.
fn mixed(url: &str) -> (Vec<u8>, Vec<(u64, &'static str)>) {
    let mut content = Vec::new();
    let mut line = |text: &[u8]| {
        content.extend_from_slice(text);
        content.push(b'\n');
    };
    line(json!({"id": "first", "url": url}).to_string().as_bytes());
    line(b"not json");
    line(b"");
    line(b"\x00\xff\xfe");
    line(br#"{"id":"x1"}"#);
    line(br#"{"id":"x2","url":"ftp://localhost/"}"#);
    line(br#"{"id":"x3","requests":[]}"#);
    line(br#"{"id":"x4","requests":[{"url":"http://h/"},{"url":"http://h/","method":"NOT A METHOD"}]}"#);
    line(br#"{"id":"x5","url":"http://h/","headers":{"a":"b\nc"}}"#);
    line(br#"{"id":"x6","url":"http://h/","timeout_ms":-5}"#);
    line(json!({"id": "first", "url": url}).to_string().as_bytes());
    line(
        format!(
            "{{\"id\":\"x7\",\"url\":\"http://h/{}\"}}",
            "x".repeat(2 << 20)
        )
        .as_bytes(),
    );
    line(br"[1,2,3]");
    line(br#"{"url":"http://h/"}"#);
    line(br#"{"id":"y1","websocket":{"send":["a"]}}"#);
    line(br#"{"id":"y2","websocket":{"url":"ftp://h/"}}"#);
    line(br#"{"id":"y3","websocket":{"url":"ws://h/","receive":-1}}"#);
    line(br#"{"id":"y4","websocket":{"url":"ws://h/","send":["a",{"base64":"?"}]}}"#);
    line(br#"{"id":"y5","websocket":{"url":"ws://h/"},"requests":[{"url":"http://h/"}]}"#);
    line(json!({"id": "last", "url": url}).to_string().as_bytes());
    let rejects = vec![
        (2, "line"),
        (4, "line"),
        (5, "url"),
        (6, "url"),
        (7, "requests"),
        (8, "requests[1].method"),
        (9, "headers.a"),
        (10, "timeout_ms"),
        (11, "id"),
        (12, "line"),
        (13, "line"),
        (14, "id"),
        (15, "websocket.url"),
        (16, "websocket.url"),
        (17, "websocket.receive"),
        (18, "websocket.send[1].base64"),
        (19, "requests"),
    ];
    (content, rejects)
}

fn reported(rejects: &[Value]) -> Vec<(u64, &str)> {
    rejects
        .iter()
        .map(|reject| {
            assert_eq!(reject.as_object().unwrap().len(), 3);
            assert!(!reject["error"].as_str().unwrap().is_empty());
            (
                reject["line"].as_u64().unwrap(),
                reject["field"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn each_bad_line_is_reported_with_its_number_and_the_rest_runs() {
    let (files, server) = (Files::new(), Server::start());
    let (content, expected) = mixed(&server.url("/item/1"));
    files.write("jobs", content);
    let done = files.run(&[("--rejects", "rejects")]);
    assert_eq!(done.code(), 2);
    assert_eq!(done.stderr, "");
    let rejects = files.json("rejects");
    assert_eq!(reported(&rejects), expected);
    assert_eq!(rejects[8]["error"], "stood on line 1 already");
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 2, "failed": 0, "retried": 0, "rejected": 17})
    );
    assert_eq!(files.json("results").len(), 2);
}

#[test]
fn rejects_go_to_standard_error_by_default_and_to_standard_output_when_asked() {
    let files = Files::new();
    let jobs = files.write("jobs", "nonsense\n");
    let done = finish(&mut run_command(&[&"--jobs", &jobs, &"--json"]));
    assert_eq!(done.code(), 2);
    assert_eq!(reported(&json_lines(&done.stderr)), [(1, "line")]);
    let done = finish(&mut run_command(&[
        &"--jobs",
        &jobs,
        &"--json",
        &"--rejects",
        &"-",
    ]));
    assert_eq!(reported(&json_lines(&done.stdout)[..1]), [(1, "line")]);
    assert_eq!(done.stderr, "");
}

#[test]
fn an_id_is_known_across_batches() {
    let (files, server) = (Files::new(), Server::start());
    let url = server.url("/echo");
    let content =
        to_lines((0..1800).map(|i| json!({"id": format!("job-{}", i % 900), "url": url})));
    files.write("jobs", content);
    let done = files.run(&[("--rejects", "rejects")]);
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 900, "failed": 0, "retried": 0, "rejected": 900})
    );
    let rejects = files.json("rejects");
    assert_eq!(
        rejects[0],
        json!({"line": 901, "field": "id", "error": "stood on line 1 already"})
    );
    assert_eq!(rejects[899]["error"], "stood on line 900 already");
}

#[test]
fn no_input_makes_the_program_panic() {
    let files = Files::new();
    // A fixed generator: a failure can be had again.
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let requests = br#"{"id":"a","requests":[{"method":"POST","url":"http://127.0.0.1:9/","headers":{"a":"b"},"body":"c","timeout_ms":5}],"concurrency":2,"proxy":"http://127.0.0.1:9"}"#;
    let websocket = br#"{"id":"b","websocket":{"url":"ws://127.0.0.1:9/","headers":{"a":"b"},"subprotocols":["c"],"send":["d",{"base64":"AAE="}],"receive":2,"timeout_ms":5},"proxy":"http://127.0.0.1:9"}"#;
    let mut content = Vec::new();
    for turn in 0..6000 {
        let good = if turn % 3 == 0 {
            &websocket[..]
        } else {
            requests
        };
        let mut line = good.to_vec();
        for _ in 0..=next() % 4 {
            let at = usize::try_from(next()).unwrap() % line.len();
            match next() % 3 {
                0 => line[at] = next().to_le_bytes()[0],
                1 => line.truncate(at.max(1)),
                _ => line.insert(at, next().to_le_bytes()[0]),
            }
        }
        content.extend_from_slice(&line);
        content.push(b'\n');
    }
    files.write("jobs", content);
    let done = files.run(&[("--rejects", "rejects")]);
    assert_eq!(done.code(), 2, "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    let reported = done.summary()["jobs"].clone();
    let results = files.json("results").len() as u64;
    assert_eq!(
        reported["ok"].as_u64().unwrap() + reported["failed"].as_u64().unwrap(),
        results
    );
    assert_eq!(
        reported["rejected"].as_u64().unwrap(),
        files.json("rejects").len() as u64
    );
    assert!(
        files
            .json("results")
            .iter()
            .all(|line| line["exit"]["outcome"] != "panicked")
    );
}
