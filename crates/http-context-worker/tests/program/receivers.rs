//! OTLP, as receivers read it that nobody here wrote: `rotel` by gRPC, `oteltap` by HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Files, Server, finish, nobody, to_lines, until};

const NAME: &str = "a-service";

/// A receiver that writes down what it received. Killed when the test ends.
struct Receiver {
    process: Child,
    log: PathBuf,
}

impl Receiver {
    /// Starts it with its standard output in a file, and waits until it listens there.
    fn start(files: &Files, command: &mut Command, port: u16) -> Self {
        let log = files.path("received");
        let output = std::fs::File::create(&log).unwrap();
        let process = command
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("it is on the search path: `cargo xtask test` installs it");
        until("the receiver listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { process, log }
    }

    /// Everything, once the spans are there and nothing comes any more.
    fn all_lines(&self, read: fn(&[String]) -> Arrived) -> Vec<String> {
        let mut lines = Vec::new();
        until("all of it is written down", || {
            let before = std::mem::replace(&mut lines, self.lines());
            let arrived = read(&lines);
            let spans: u64 = arrived.spans.values().sum();
            spans >= 62 && arrived.metrics.len() > 15 && before == lines
        });
        lines
    }

    fn lines(&self) -> Vec<String> {
        let file = std::fs::File::open(&self.log).unwrap();
        BufReader::new(file).lines().map(Result::unwrap).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs jobs that are done and one that fails, and exports there. Returns the summary.
fn run_jobs(files: &Files, protocol: &str, port: u16) -> Value {
    let server = Server::start();
    let jobs = (0..12).map(|i| {
        let url = server.url("/item/1");
        json!({"id": format!("job-{i}"), "requests": vec![json!({"url": url}); 4]})
    });
    let gone = json!({"id": "gone", "url": nobody()});
    files.write("jobs", to_lines(jobs.chain([gone])));
    let mut command = files.command(&[]);
    command.arg("--json");
    let endpoint = format!("http://127.0.0.1:{port}");
    let done = finish(
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_SERVICE_NAME", NAME)
            .env(
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=tests",
            ),
    );
    assert_eq!((done.code(), done.stderr.as_str()), (1, ""));
    done.summary()
}

/// What arrived, however it was written down.
#[derive(Debug, Default)]
struct Arrived {
    /// How many spans, by name.
    spans: BTreeMap<String, u64>,
    /// Traces.
    traces: BTreeSet<String>,
    /// The sums and the counts of histograms over all points, by metric.
    metrics: BTreeMap<String, u64>,
    units: BTreeMap<String, String>,
    resource: BTreeSet<String>,
}

impl Arrived {
    fn is_that_of(&self, summary: &Value) {
        let reported = |figure: &Value| figure.as_u64().unwrap();
        let requests = reported(&summary["requests"]);
        let jobs = reported(&summary["jobs"]["ok"]) + reported(&summary["jobs"]["failed"]);
        assert_eq!((requests, jobs), (49, 13));
        assert_eq!(self.spans["GET"], requests, "{self:#?}");
        assert_eq!(self.spans["http_context"], jobs);
        assert_eq!(self.spans.len(), 2, "{:?}", self.spans);
        // A job and its requests are one trace.
        assert_eq!(self.traces.len() as u64, jobs);

        let reused = reported(&summary["connections_reused"]);
        for (name, unit, value) in [
            ("http_context.worker.jobs", "{job}", jobs),
            ("http_context.contexts", "{context}", jobs),
            ("http_context.context.duration", "s", jobs),
            ("http.client.request.duration", "s", requests),
            ("http_context.request.connection", "{request}", requests - 1),
            ("http_context.pool.use_time", "s", jobs),
            ("http_context.connection.idle", "s", reused),
            ("http_context.contexts.active", "{context}", 0),
            ("http.client.open_connections", "{connection}", 0),
        ] {
            assert_eq!(self.metrics.get(name), Some(&value), "{name} {self:#?}");
            assert_eq!(self.units[name], unit, "{name}");
        }
    }
}

#[test]
fn by_http_each_span_and_each_metric_arrives_with_its_name_and_the_figures_of_the_summary() {
    let (files, port) = (Files::new(), free_port());
    let mut command = Command::new("oteltap");
    // It prints to a file here, and Python would keep that back.
    command
        .args(["--port", &port.to_string()])
        .env("PYTHONUNBUFFERED", "1");
    let receiver = Receiver::start(&files, &mut command, port);
    let summary = run_jobs(&files, "http/protobuf", port);
    let arrived = read_ndjson(&receiver.all_lines(read_ndjson));
    arrived.is_that_of(&summary);
}

/// Each span and each metric is an object on its line.
fn read_ndjson(lines: &[String]) -> Arrived {
    let mut arrived = Arrived::default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for line in lines {
        let Ok(item) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let name = text(&item["name"]);
        if item.get("spanId").is_some() {
            *arrived.spans.entry(name).or_default() += 1;
            arrived.traces.insert(text(&item["traceId"]));
            continue;
        }
        let points = ["sum", "gauge", "histogram"]
            .iter()
            .find_map(|kind| item[kind]["dataPoints"].as_array())
            .unwrap();
        let value = |point: &Value| -> u64 {
            let found = ["count", "asInt", "asDouble"];
            let number = found.iter().find_map(|field| point.get(field)).unwrap();
            whole(
                &number
                    .as_str()
                    .map_or_else(|| number.to_string(), ToOwned::to_owned),
            )
        };
        arrived.units.insert(name.clone(), text(&item["unit"]));
        arrived.metrics.insert(name, points.iter().map(value).sum());
    }
    arrived
}

/// A number without its fraction, of which counts have none.
fn whole(number: &str) -> u64 {
    let whole = number.split('.').next().unwrap();
    whole
        .parse()
        .unwrap_or_else(|error| panic!("{error}: {number}"))
}

#[test]
fn by_grpc_each_span_metric_and_resource_attribute_arrives_and_the_figures_are_the_summarys() {
    let (files, port) = (Files::new(), free_port());
    let mut command = Command::new("rotel-agent");
    command
        .args(["start", "--exporter", "blackhole"])
        .args(["--debug-log", "traces", "--debug-log", "metrics"])
        .args(["--debug-log-verbosity", "detailed"])
        .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{port}")])
        .args([
            "--otlp-http-endpoint",
            &format!("127.0.0.1:{}", free_port()),
        ])
        .arg("--pid-file")
        .arg(files.path("pid"));
    let receiver = Receiver::start(&files, &mut command, port);
    let summary = run_jobs(&files, "grpc", port);
    let arrived = read_debug_log(&receiver.all_lines(read_debug_log));
    arrived.is_that_of(&summary);
    for attribute in [
        format!("service.name: Str({NAME})"),
        "deployment.environment.name: Str(tests)".to_owned(),
        "telemetry.sdk.language: Str(rust)".to_owned(),
    ] {
        assert!(
            arrived.resource.contains(&attribute),
            "{:?}",
            arrived.resource
        );
    }
}

/// One field a line, below the title of what it is of.
fn read_debug_log(lines: &[String]) -> Arrived {
    let mut arrived = Arrived::default();
    let (mut section, mut metric) = ("", String::new());
    for line in lines {
        let line = line.trim();
        let field = |name: &str| line.strip_prefix(name).map(|rest| rest.trim().to_owned());
        if line.starts_with("Resource attributes:") {
            section = "resource";
        } else if line.starts_with("Span #") {
            section = "span";
        } else if line.starts_with("Metric #") {
            section = "metric";
        } else if line.starts_with("Scope") || line.starts_with("Instrumentation") {
            section = "";
        } else if section == "resource" {
            arrived.resource.extend(field("->"));
        } else if section == "span" {
            if let Some(name) = field("Name           :") {
                *arrived.spans.entry(name).or_default() += 1;
            }
            arrived.traces.extend(field("Trace ID       :"));
        } else if let Some(name) = field("-> Name:") {
            metric = name;
            arrived.metrics.insert(metric.clone(), 0);
        } else if let Some(unit) = field("-> Unit:") {
            arrived.units.insert(metric.clone(), unit);
        } else if let Some(value) = field("Value:").or_else(|| field("Count:")) {
            *arrived.metrics.entry(metric.clone()).or_default() += whole(&value);
        }
    }
    arrived
}
