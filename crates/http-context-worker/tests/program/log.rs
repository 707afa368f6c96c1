//! What the program says on standard error.

use serde_json::{Value, json};

use crate::support::{
    Files, Finished, Gate, Running, Server, finish, job_lines, json_lines, nobody, run_command,
};

/// One job that is done, one that fails twice, one line that is no job; ids with secrets in them.
fn run_some(files: &Files, server: &Server, more: &[&str]) -> Finished {
    let secret = "https://me:hunter2@host/?sig=hunter2";
    let mut jobs = job_lines([
        ("done".to_owned(), server.url("/item/1?token=hunter2")),
        (
            format!("gone {secret}"),
            format!("{}?token=hunter2", nobody()),
        ),
    ]);
    jobs += "{\"id\":\"bad\",\"url\":\"ftp://me:hunter2@host/\"}\n";
    files.write("jobs", jobs);
    let mut command = files.command(&[("--rejects", "rejects")]);
    command.arg("--json");
    finish(
        command
            .args(["--max-attempts", "2", "--retry-delay", "0"])
            .args(more),
    )
}

fn of<'l>(lines: &'l [Value], message: &str) -> Vec<&'l Value> {
    let reported = lines.iter().filter(|line| line["message"] == message);
    reported.collect()
}

#[test]
fn as_json_every_line_parses_and_each_attempt_is_reported() {
    let (files, server) = (Files::new(), Server::start());
    let done = run_some(
        &files,
        &server,
        &["--log-format", "json", "--log-level", "debug"],
    );
    assert_eq!(done.code(), 2);
    let lines = json_lines(&done.stderr);
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
    }
    let failed = of(&lines, "a job failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["level"], "INFO");
    assert_eq!(
        failed[0]["job"],
        "gone https://REDACTED:REDACTED@host/?sig=REDACTED"
    );
    assert_eq!(failed[0]["attempts"], 2);
    assert!(
        failed[0]["error"]
            .as_str()
            .unwrap()
            .contains("Connection refused")
    );
    let again = of(&lines, "a job failed and is tried again");
    assert_eq!((again.len(), &again[0]["attempt"]), (1, &json!(1)));
    let finished = of(&lines, "a job is done");
    assert_eq!((finished.len(), &finished[0]["job"]), (1, &json!("done")));
    let rejected = of(&lines, "a line was rejected");
    assert_eq!((rejected.len(), &rejected[0]["line"]), (1, &json!(3)));
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
}

#[test]
fn as_text_the_same_lines_are_for_people_and_the_level_bounds_them() {
    let (files, server) = (Files::new(), Server::start());
    let done = run_some(&files, &server, &["--log-level", "info"]);
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", done.stderr);
    assert!(
        lines[0]
            .contains(" INFO http_context_worker::handler: a job failed and is tried again job="),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("a job failed job="), "{}", lines[1]);
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    let list = ["--log-level", "http_context=off,apalis_core=off"];
    for more in [&[][..], &["--log-level", "off"], &list] {
        let quiet = Files::new();
        assert_eq!(run_some(&quiet, &server, more).stderr, "");
    }
}

#[test]
fn what_is_said_beside_the_log_is_json_too() {
    let (files, gate) = (Files::new(), Gate::start());
    let jobs = job_lines([("stuck".to_owned(), gate.url("/"))]);
    files.write("jobs", jobs);
    let mut command = files.command(&[]);
    command.args(["--drain-timeout", "0"]);
    command.args([
        "--log-format",
        "json",
        "--log-level",
        "info",
        "--admin",
        "127.0.0.1:0",
    ]);
    let run = Running::start(&mut command);
    let _stuck = gate.next();
    run.signal("TERM");
    let done = run.wait();
    assert_eq!(done.code(), 143);
    let lines = json_lines(&done.stderr);
    let text = |line: &Value| line["message"].as_str().unwrap().to_owned();
    let messages: Vec<String> = lines.iter().map(text).collect();
    for begin in [
        "admin page at http://127.0.0.1:",
        "SIGTERM: no further job begins",
        "a job was cut off, and stays in the queue",
        "ended by SIGTERM",
        "the run has ended",
    ] {
        assert!(
            messages.iter().any(|message| message.starts_with(begin)),
            "{messages:?}"
        );
    }
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!(summary["jobs"]["ok"], 0);
}

#[test]
fn a_sentence_that_ends_the_program_is_json_too_and_a_level_that_is_none_is_named() {
    let files = Files::new();
    let missing = files.path("missing");
    let mut command = run_command(&[&"--jobs", &missing]);
    let done = finish(command.args(["--log-format", "json"]));
    let lines = json_lines(&done.stderr);
    assert_eq!((done.code(), lines.len()), (2, 1));
    assert_eq!(lines[0]["level"], "ERROR");
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.starts_with("cannot read jobs from "), "{message}");

    let mut command = run_command(&[&"--jobs", &missing]);
    let done = finish(command.args(["--log-level", "http_context=loud"]));
    assert_eq!(done.code(), 2);
    assert!(
        done.stderr.contains("a level is off, error"),
        "{}",
        done.stderr
    );
}

/// A warning from inside a request, and what is said of its job after it: the collector knows their
/// traces.
#[cfg(feature = "otlp")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_job_have_the_trace_that_the_collector_received() {
    use mock_collector::{MockServer, Protocol};

    let (files, server) = tokio::task::spawn_blocking(|| (Files::new(), Server::start()))
        .await
        .unwrap();
    let collector = MockServer::builder()
        .protocol(Protocol::HttpBinary)
        .start()
        .await
        .unwrap();
    // More at once than a host has slots: some wait for longer than a second, which is a warning.
    let requests = vec![json!({"url": server.url("/slow/1")}); 250];
    let slow = json!({"id": "slow", "concurrency": 250, "requests": requests});
    let gone = json!({"id": "gone", "url": nobody()});
    let to_lines = crate::support::to_lines;
    files.write("jobs", to_lines([slow, gone]));
    let mut command = files.command(&[]);
    command
        .args(["--log-format", "json", "--log-level", "debug"])
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", collector.addr()),
        );
    let (done, server) = tokio::task::spawn_blocking(move || (finish(&mut command), server))
        .await
        .unwrap();
    let spans: Vec<(String, String, String)> = collector
        .with_collector(|collector| {
            let spans = collector.spans().iter().map(|span| {
                let span = span.span();
                (span.name.clone(), hex(&span.trace_id), hex(&span.span_id))
            });
            spans.collect()
        })
        .await;
    drop(tokio::task::spawn_blocking(move || drop(server)));
    let is_known = |line: &Value, name: &str| {
        let known = spans.iter().any(|(span, trace_id, span_id)| {
            span == name && line["trace_id"] == **trace_id && line["span_id"] == **span_id
        });
        assert!(known, "no span {name} for {line}");
    };
    let lines = json_lines(&done.stderr);
    let waited: Vec<&Value> = lines
        .iter()
        .filter(|line| line["level"] == "WARN" && line["waited_ms"].is_number())
        .collect();
    assert!(!waited.is_empty(), "{}", done.stderr);
    for line in waited {
        assert!(line["trace_id"].is_string(), "{line}");
        let trace = &line["trace_id"];
        assert!(
            spans.iter().any(|(_, trace_id, _)| trace == trace_id),
            "{line}"
        );
    }
    for (message, job) in [("a job is done", "slow"), ("a job failed", "gone")] {
        let reported = of(&lines, message);
        assert_eq!((reported.len(), &reported[0]["job"]), (1, &json!(job)));
        is_known(reported[0], "http_context");
    }
    // A job and its requests are one trace.
    let traces: std::collections::BTreeSet<&String> =
        spans.iter().map(|(_, trace_id, _)| trace_id).collect();
    assert_eq!(traces.len(), 2);
}

#[cfg(feature = "otlp")]
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}
