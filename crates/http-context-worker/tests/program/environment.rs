//! A variable of the environment that is set and empty is as one that is not set.

#[cfg(feature = "otlp")]
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::{Value, json};

use crate::support::{Files, Gate, Running, Server, finish, to_lines};

/// All that the program and its libraries look at, but for those of proxies.
const VARIABLES: &[&str] = &[
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "LANG",
    "NO_COLOR",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_CONCURRENT_EXPORTS",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_INSECURE",
    "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_METRICS_EXPORTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_METRIC_EXPORT_TIMEOUT",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_TRACES_EXPORTER",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "REQUEST_METHOD",
    "RUST_LOG",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TOKIO_WORKER_THREADS",
];

/// What a run with these variables leaves: its exit code, its results, and what it said, times left
/// out.
fn run(server: &Server, variables: &[(&str, &str)]) -> (i32, Value, Vec<String>) {
    let files = Files::new();
    let job = json!({"id": "a", "url": server.url("/item/1")});
    files.write("jobs", to_lines([job]));
    let mut command = files.command(&[]);
    for name in VARIABLES {
        command.env_remove(name);
    }
    let done = finish(command.envs(variables.iter().copied()));
    let said = done.stderr.lines().map(str::trim);
    let said = said.filter(|line| !line.starts_with("time"));
    let mut result = files.json("results").remove(0);
    for request in result["requests"].as_array_mut().unwrap() {
        request["duration_ms"] = Value::Null;
    }
    (done.code(), result, said.map(str::to_owned).collect())
}

#[test]
fn a_run_is_the_same_with_every_variable_empty_and_with_none_set() {
    let server = Server::start();
    let unset = run(&server, &[]);
    assert_eq!((unset.0, &unset.1["status"]), (0, &json!("ok")));
    let empty: Vec<_> = VARIABLES.iter().map(|name| (*name, "")).collect();
    assert_eq!(run(&server, &empty), unset);
    for variable in empty {
        assert_eq!(run(&server, &[variable]), unset, "{variable:?}");
    }
}

#[test]
fn a_temporary_directory_without_a_name_is_not_the_working_directory() {
    let (files, gate) = (Files::new(), Gate::start());
    files.write(
        "jobs",
        to_lines([json!({"id": "a", "url": gate.url("/a")})]),
    );
    let working_directory = Files::new();
    let mut command = files.command(&[]);
    command
        .current_dir(working_directory.path(""))
        .env("TMPDIR", "");
    let running = Running::start(&mut command);
    let arrival = gate.next();
    let entries = std::fs::read_dir(working_directory.path("")).unwrap();
    assert_eq!(entries.count(), 0);
    arrival.answer();
    assert_eq!(running.wait().code(), 0);
}

#[test]
fn a_number_of_threads_that_is_none_is_refused_in_a_sentence() {
    for value in ["0", "many", "-1"] {
        let files = Files::new();
        files.write("jobs", "");
        let done = finish(files.command(&[]).env("TOKIO_WORKER_THREADS", value));
        let sentence = format!("error: TOKIO_WORKER_THREADS is {value:?}, it can be a number");
        assert!(done.refusal().starts_with(&sentence), "{}", done.stderr);
    }
}

/// The heads of two exports, in small letters: traces and metrics.
#[cfg(feature = "otlp")]
fn exported(variables: &[(&str, &str)]) -> Vec<String> {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let heads = thread::spawn(move || {
        let head = |_| {
            let (mut socket, _) = collector.accept().unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            socket.write_all(answer).unwrap();
            String::from_utf8(head).unwrap().to_lowercase()
        };
        (0..2).map(head).collect()
    });
    let (files, server) = (Files::new(), Server::start());
    let job = json!({"id": "a", "url": server.url("/item/1")});
    files.write("jobs", to_lines([job]));
    let mut command = files.command(&[]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    assert_eq!(finish(command.envs(variables.iter().copied())).code(), 0);
    heads.join().unwrap()
}

#[cfg(feature = "otlp")]
#[test]
fn headers_of_all_signals_are_sent_where_those_of_a_signal_are_empty() {
    let heads = exported(&[
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a%20b"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", " "),
    ]);
    for head in heads {
        assert!(head.contains("x-tenant: a b\r\n"), "{head}");
    }
}
