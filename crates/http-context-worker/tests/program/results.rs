//! Jobs that run: what they send, and what is written of them.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Files, Server, finish, job_lines, json_lines, nobody, run_command, to_lines};

#[test]
fn each_job_has_one_result_line_and_the_summary_adds_them_up() {
    let (files, server) = (Files::new(), Server::start());
    let jobs = to_lines((0..20).map(|i| {
        let requests: Vec<Value> = (0..3)
            .map(|_| json!({"url": server.url(&format!("/item/{i}"))}))
            .collect();
        json!({"id": format!("job-{i}"), "requests": requests})
    }));
    files.write("jobs", jobs);
    // Each opens its own connection, so that each line is known.
    let done = finish(files.command(&[]).args(["--pool", "0", "--json"]));
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(done.stderr, "");
    assert_eq!(done.stdout.lines().count(), 1);

    let mut results = files.json("results");
    results.sort_by_key(|line| line["id"].as_str().unwrap()[4..].parse::<u32>().unwrap());
    assert_eq!(results.len(), 20);
    for (i, line) in results.iter().enumerate() {
        assert_eq!(line["id"], format!("job-{i}"));
        assert_eq!(line["status"], "ok");
        assert_eq!(line["attempts"], 1);
        assert_eq!(line["error"], Value::Null);
        let requests = line["requests"].as_array().unwrap();
        let uses: Vec<&str> = requests
            .iter()
            .map(|request| {
                assert_eq!(request["status"], 200);
                assert_eq!(request["bytes"], 18);
                assert_eq!(request["error"], Value::Null);
                assert!(request["duration_ms"].as_f64().unwrap() > 0.0);
                request["connection"].as_str().unwrap()
            })
            .collect();
        assert_eq!(uses, ["new", "reused", "reused"]);
        assert_eq!(
            line["exit"],
            json!({"outcome": "completed", "requests": 3, "connections_opened": 1,
                   "connections_reused": 2, "leaks": []})
        );
    }

    let summary = done.summary();
    assert_eq!(
        summary["jobs"],
        json!({"ok": 20, "failed": 0, "retried": 0, "rejected": 0})
    );
    assert_eq!(summary["requests"], 60);
    assert_eq!(summary["connections_opened"], 20);
    assert_eq!(summary["connections_reused"], 40);
    assert_eq!(summary["leaks"], 0);
    assert!(summary["duration_ms"].as_u64().unwrap() > 0);

    let seen = server.seen();
    assert_eq!((seen.accepted, seen.requests()), (20, 60));
    server.all_closed();
}

#[test]
fn standard_input_and_output_work_as_files_and_the_summary_is_last() {
    let server = Server::start();
    let mut run = run_command(&[&"--jobs", &"-", &"--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = run.stdin.take().unwrap();
    // A byte order mark, both line ends, blank lines, and a last line without an end.
    let jobs = format!(
        "\u{feff}{{\"id\":\"a\",\"url\":\"{0}\"}}\r\n\r\n   \n{{\"id\":\"b\",\"url\":\"{0}\"}}",
        server.url("/item/1")
    );
    stdin.write_all(jobs.as_bytes()).unwrap();
    drop(stdin);
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(lines.len(), 3);
    let mut ids: Vec<&str> = lines[..2]
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(lines[2]["jobs"]["ok"], 2);
}

#[test]
fn a_job_from_a_slow_producer_starts_before_the_input_ends() {
    let server = Server::start();
    let mut run = run_command(&[&"--jobs", &"-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = run.stdin.take().unwrap();
    let mut results = std::io::BufReader::new(run.stdout.take().unwrap());
    for id in ["first", "second"] {
        stdin
            .write_all(job_lines([(id.to_owned(), server.url("/item/1"))]).as_bytes())
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut results, &mut line).unwrap();
        assert_eq!(json_lines(&line)[0]["id"], id);
    }
    drop(stdin);
    assert!(run.wait().unwrap().success());
}

#[test]
fn without_json_a_table_goes_to_standard_error_and_no_bar_into_a_pipe() {
    let (files, server) = (Files::new(), Server::start());
    let jobs = files.write("jobs", job_lines([("a".to_owned(), server.url("/item/1"))]));
    let done = finish(&mut run_command(&[&"--jobs", &jobs]));
    assert_eq!(done.code(), 0);
    assert_eq!(json_lines(&done.stdout).len(), 1);
    assert!(done.stderr.contains("1 ok, 0 failed"), "{}", done.stderr);
    assert!(!done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
}

#[test]
fn method_headers_and_body_are_sent() {
    let (files, server) = (Files::new(), Server::start());
    let job = json!({"id": "a", "method": "post", "url": server.url("/echo"),
                     "headers": {"content-type": "text/plain", "content-length": "11"}, "body": "hello there"});
    let jobs = files.write("jobs", format!("{job}\n"));
    let done = finish(&mut run_command(&[&"--jobs", &jobs]));
    let result = &json_lines(&done.stdout)[0];
    assert_eq!(result["requests"][0]["bytes"], 11, "{result}");
}

#[test]
fn a_job_goes_through_its_own_proxy() {
    let (files, server) = (Files::new(), Server::start());
    let jobs = [
        json!({"id": "through", "url": "http://nowhere.invalid/item/1", "proxy": server.url("")}),
        json!({"id": "direct", "url": "http://nowhere.invalid/item/1"}),
    ];
    files.write("jobs", format!("{}\n{}\n", jobs[0], jobs[1]));
    let done = finish(&mut files.command(&[]));
    assert_eq!(done.code(), 1);
    for line in files.json("results") {
        let expected = if line["id"] == "through" {
            "ok"
        } else {
            "failed"
        };
        assert_eq!(line["status"], expected, "{line}");
    }
}

#[test]
fn requests_of_a_job_run_at_once_as_far_as_it_asks() {
    let (files, server) = (Files::new(), Server::start());
    let requests: Vec<Value> = (0..4)
        .map(|_| json!({"url": server.url("/slow")}))
        .collect();
    let job = json!({"id": "a", "concurrency": 4, "requests": requests});
    let jobs = files.write("jobs", format!("{job}\n"));
    let done = finish(&mut run_command(&[
        &"--jobs",
        &jobs,
        &"--results",
        &files.path("r"),
        &"--json",
    ]));
    // In a row they take 1.6 s.
    assert!(
        done.summary()["duration_ms"].as_u64().unwrap() < 1500,
        "{}",
        done.stdout
    );
    assert_eq!(server.seen().accepted, 4);
}

#[test]
fn a_failed_job_says_why_without_any_secret() {
    let (files, server) = (Files::new(), Server::start());
    let (gone, slow) = (nobody(), server.url("/slow?token=hunter2"));
    let secret = gone.replace("http://", "http://user:hunter2@");
    let jobs = [
        json!({"id": "refused", "url": format!("{secret}?token=hunter2"), "headers": {"authorization": "hunter2"}}),
        json!({"id": "late", "url": slow, "timeout_ms": 20}),
        json!({"id": "later-ones-run", "requests": [{"url": gone}, {"url": server.url("/item/1")}]}),
    ];
    files.write("jobs", to_lines(jobs));
    let done = files.run(&[]);
    assert_eq!(done.code(), 1);
    assert_eq!(done.summary()["jobs"]["failed"], 3);
    let text = files.read("results");
    assert!(!text.contains("hunter2"), "{text}");
    for line in json_lines(&text) {
        let error = line["error"].as_str().unwrap();
        let first = &line["requests"][0];
        assert_eq!(line["status"], "failed");
        assert_eq!(line["exit"]["outcome"], "failed");
        assert_eq!(first["connection"], "unknown", "{line}");
        assert!(error.ends_with(first["error"].as_str().unwrap()));
        match line["id"].as_str().unwrap() {
            "refused" => assert!(error.to_lowercase().contains("refused"), "{error}"),
            "late" => assert!(error.contains("timed out"), "{error}"),
            _ => {
                assert!(error.starts_with("request 1 of 2: "), "{error}");
                assert_eq!(line["requests"][1]["status"], 200);
            }
        }
    }
}

#[test]
fn a_status_fails_a_job_only_when_that_is_asked_for() {
    let (files, server) = (Files::new(), Server::start());
    let jobs = files.write(
        "jobs",
        job_lines([("a".to_owned(), server.url("/not-there"))]),
    );
    let lenient = finish(&mut run_command(&[&"--jobs", &jobs]));
    assert_eq!(lenient.code(), 0);
    let strict = finish(&mut run_command(&[&"--jobs", &jobs, &"--fail-on-status"]));
    assert_eq!(strict.code(), 1);
    let line = &json_lines(&strict.stdout)[0];
    assert_eq!(line["error"], "request 1 of 1: status 404");
    assert_eq!(line["requests"][0]["status"], 404);
}

#[test]
fn an_empty_file_is_a_run_without_jobs() {
    let files = Files::new();
    for content in ["", "\n\n", "\u{feff}"] {
        let jobs = files.write("jobs", content);
        let done = finish(&mut run_command(&[&"--jobs", &jobs, &"--json"]));
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(done.summary()["jobs"]["ok"], 0);
    }
}
