//! The dashboards and rules of this workspace, in a real Prometheus that scrapes the worker under
//! load, and a program whose connections are upgraded: what they ask for is there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use crate::admin::admin_address;
use crate::support::{Files, LIMIT, Running, Server, nobody, pause, run_command, to_lines};
use crate::upgrading::Upgrading;

/// A scrape gives no signal.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Enough to go on for longer than a test may take.
const ROUNDS: usize = 1000;

/// Metrics that a worker which does well, with the code that it brings, need not export. A panel that
/// asks for one of them may be empty here, as long as there is no series of that name.
const NOT_FROM_THIS_LOAD: [(&str, &str); 4] = [
    ("http_context_leaks_open", "its own job code leaks nothing"),
    (
        "http_context_nested_opens_",
        "its own job code opens no context inside another",
    ),
    (
        "http_context_requests_aborted_",
        "no exit cuts a request off",
    ),
    (
        "http_context_pool_timeouts_",
        "a job waits for its place as long as it must",
    ),
];

#[test]
#[cfg_attr(
    not(feature = "external-tools"),
    ignore = "needs prometheus: run `cargo xtask test`"
)]
fn every_panel_has_data_and_every_rule_is_healthy() {
    let (files, server) = (Files::new(), Server::start());
    let mut run = start_worker(&files);
    let mut stdin = run.0.stdin.take().unwrap();
    let upgrading = Upgrading::start();
    let targets = [admin_address(&mut run), upgrading.metrics];
    let prometheus = Prometheus::start(&files, targets);
    // Sessions are made once and then handed on. One alone is made before the first scrape, so that
    // the others are seen to be made.
    let (first, rest) = jobs(&server);
    writeln!(stdin, "{first}").unwrap();
    let made = "http_context_pool_create_time_seconds_count";
    let deadline = Instant::now() + LIMIT;
    while prometheus.query(made).is_empty() {
        assert!(Instant::now() < deadline, "without data: {made}");
        pause(LOOK_EVERY);
    }
    // Far more than a pipe holds, and only read as fast as jobs are queued.
    std::thread::spawn(move || stdin.write_all(rest.as_bytes()));

    let mut empty = expressions();
    let all = empty.len();
    let deadline = Instant::now() + LIMIT;
    loop {
        empty.retain(|(_, expression)| prometheus.query(expression).is_empty());
        let (excused, missing): (Vec<_>, Vec<_>) = empty
            .iter()
            .partition(|(_, expression)| prometheus.may_be_empty(expression));
        if missing.is_empty() {
            assert!(excused.len() < all / 3, "{excused:#?}");
            break;
        }
        assert!(Instant::now() < deadline, "without data: {missing:#?}");
        pause(LOOK_EVERY);
    }

    let rules = prometheus.get("/api/v1/rules");
    let groups = rules["groups"].as_array().unwrap();
    let rules: Vec<&Value> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    assert!(!rules.is_empty());
    for rule in rules {
        assert_eq!(
            rule["health"], "ok",
            "{}: {}",
            rule["name"], rule["lastError"]
        );
    }

    run.signal("TERM");
    assert_eq!(run.wait().code(), 143, "the load goes on until here");
}

/// Every query of every panel, by dashboard and panel, with the choice "all".
fn expressions() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found = Vec::new();
    for file in std::fs::read_dir(dashboards().join("grafana")).unwrap() {
        let read = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&read).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let place = format!("{}: {}", text(&dashboard["title"]), text(&panel["title"]));
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = text(&target["expr"]).replace("$__rate_interval", "1m");
                let expression = ["$job", "$instance", "$server"]
                    .iter()
                    .fold(expression, |all, variable| all.replace(variable, ".*"));
                found.push((place.clone(), expression));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn dashboards() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
    root.canonicalize().unwrap()
}

fn start_worker(files: &Files) -> Running {
    let mut command = run_command(&[
        &"--jobs",
        &"-",
        &"--results",
        &files.path("results"),
        &"--concurrency",
        &"8",
        &"--max-attempts",
        &"2",
        &"--retry-delay",
        &"0",
        &"--fail-on-status",
        &"--json",
        &"--admin",
        &"127.0.0.1:0",
    ]);
    Running::start(command.stdin(Stdio::piped()))
}

/// A first job; and jobs of all kinds, one round after another, so that each kind goes on for as long
/// as all do.
fn jobs(server: &Server) -> (Value, String) {
    let (item, slow) = (server.url("/item/1"), server.url("/slow/1"));
    let by_name = item.replace("127.0.0.1", "localhost");
    let (missing, echo) = (server.url("/missing"), server.url("/echo"));
    let (dead, moved) = (nobody(), redirects_to(item.clone()));
    let first = json!({"id": "first", "url": item});
    let rest = to_lines((0..ROUNDS).flat_map(|round| {
        let get = |url: &str, n: usize| vec![json!({"url": url}); n];
        let once = server.url(&format!("/unavailable-once/{round}"));
        let post = json!({"method": "POST", "url": echo, "body": "a".repeat(2000)});
        let kinds = [
            ("items", get(&item, 4), 2),
            // More at once than a host has slots.
            ("slow", get(&slow, 120), 120),
            ("by-name", get(&by_name, 2), 1),
            ("no-name", get("http://name.invalid/", 1), 1),
            ("missing", get(&missing, 1), 1),
            ("unavailable", get(&once, 1), 1),
            ("dead", get(&dead, 1), 1),
            ("moved", get(&moved, 1), 1),
            ("echo", vec![post; 2], 1),
        ];
        kinds.map(|(kind, requests, at_once)| {
            let id = format!("{kind}-{round}");
            json!({"id": id, "requests": requests, "concurrency": at_once})
        })
    }));
    (first, rest)
}

/// A server that sends everyone on.
fn redirects_to(url: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let head = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\n";
            let _ = write!(&stream, "{head}location: {url}\r\n\r\n");
        }
    });
    format!("http://{address}/")
}

/// A Prometheus with the rules of this workspace and its targets. Killed when the test ends.
struct Prometheus {
    process: Child,
    address: SocketAddr,
}

impl Prometheus {
    fn start(files: &Files, targets: [SocketAddr; 2]) -> Self {
        let rules = dashboards().join("prometheus/*.rules.yml");
        // JSON is YAML.
        let config = json!({
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [rules],
            "scrape_configs": [{
                "job_name": "worker",
                "static_configs": [{"targets": targets.map(|target| target.to_string())}],
            }],
        });
        let config = files.write("prometheus.yml", config.to_string());
        let address = free_address();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                files.path("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is on the search path: `cargo xtask test` installs it");
        let started = Self { process, address };
        let deadline = Instant::now() + LIMIT;
        while started.ask("/-/ready").is_none() {
            assert!(Instant::now() < deadline, "prometheus does not get ready");
            pause(LOOK_EVERY);
        }
        started
    }

    /// The samples of an instant query, those that are no number left out.
    fn query(&self, expression: &str) -> Vec<Value> {
        let query: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let data = self.get(&format!("/api/v1/query?query={query}"));
        let samples = data["result"].as_array().unwrap().iter();
        samples
            .filter(|sample| sample["value"][1] != "NaN")
            .cloned()
            .collect()
    }

    fn may_be_empty(&self, expression: &str) -> bool {
        NOT_FROM_THIS_LOAD.iter().any(|(name, _)| {
            let series = format!("{{__name__=~\"{name}.*\"}}");
            expression.contains(name) && self.query(&series).is_empty()
        })
    }

    fn get(&self, path: &str) -> Value {
        let body = self.ask(path).expect("prometheus answers");
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The body of an answer with status 200.
    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        // Of version 1.0, so that the body is not sent in chunks.
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n",
            self.address
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        (head.split(' ').nth(1)? == "200").then(|| body.to_owned())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
