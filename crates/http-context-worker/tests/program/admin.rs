//! The admin endpoint, while a run goes on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::exposition::Exposition;
use crate::support::{
    Files, Finished, Gate, LIMIT, Running, Server, finish, run_command, to_lines,
};

/// Jobs that are finished when the last one waits.
pub(crate) const FINISHED: usize = 12;

/// An id that wants to be markup, a header and a label.
pub(crate) const HOSTILE: &str = "<img src=x onerror=document.title=1></td><script>document.title=2</script>\"'\r\nX-Evil: 1\n{le=\"1\"} 9 \u{202e}";

/// A run whose last job waits at the gate. Jobs run one after another, so all others are settled.
pub(crate) struct Waiting {
    pub(crate) address: SocketAddr,
    run: Running,
    gate: Gate,
    _files: Files,
}

impl Waiting {
    pub(crate) fn start(server: &Server, last: &str) -> (Self, crate::support::Arrival) {
        let (files, gate) = (Files::new(), Gate::start());
        let jobs = (0..FINISHED).map(|i| {
            let url = server.url(&format!("/item/{i}"));
            json!({"id": format!("job-{i}"), "requests": vec![json!({"url": url}); 4]})
        });
        let waits = json!({"id": last, "url": gate.url("/")});
        files.write("jobs", to_lines(jobs.chain([waits])));
        let mut run = Running::start(files.command(&[]).args([
            "--concurrency",
            "1",
            "--drain-timeout",
            "30",
            "--admin",
            "127.0.0.1:0",
            "--json",
        ]));
        let address = admin_address(&mut run);
        let arrival = gate.next();
        let waiting = Self {
            address,
            run,
            gate,
            _files: files,
        };
        (waiting, arrival)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(self.address, path)
    }

    pub(crate) fn metrics(&self) -> Exposition {
        Exposition::new(self.get("/metrics").body)
    }

    fn finish(self, arrival: crate::support::Arrival) -> Finished {
        arrival.answer();
        let done = self.run.wait();
        assert!(self.gate.arrived().is_none());
        done
    }
}

/// The address of the admin page, from the line that names it.
pub(crate) fn admin_address(run: &mut Running) -> SocketAddr {
    let stderr = run.0.stderr.as_mut().unwrap();
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        stderr.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    let address = line.trim_end().strip_prefix("admin page at http://");
    address.unwrap().trim_end_matches('/').parse().unwrap()
}

/// An answer of the endpoint.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"),
    )
}

pub(crate) fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

#[test]
fn its_metrics_are_those_of_the_summary() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last");
    let metrics = waiting.metrics();
    let summary = waiting.finish(arrival).summary();
    // The last job came after the scrape: one job, one request, one connection.
    let before = |figure: &Value, n: i64| figure.as_i64().unwrap() - n;
    assert_eq!(
        metrics.sum("http_context_worker_jobs_total", &["status=\"ok\""]),
        before(&summary["jobs"]["ok"], 1)
    );
    assert_eq!(
        metrics.sum("http_client_request_duration_seconds_count", &[]),
        before(&summary["requests"], 1)
    );
    assert_eq!(
        metrics.sum(
            "http_context_request_connections_total",
            &["source=\"new\""]
        ),
        before(&summary["connections_opened"], 1)
    );
    assert_eq!(
        metrics.sum(
            "http_context_request_connections_total",
            &["source=\"reused\""]
        ),
        before(&summary["connections_reused"], 0)
    );
    assert_eq!(metrics.sum("http_context_contexts_active", &[]), 1);
    assert_eq!(metrics.sum("http_client_active_requests", &[]), 1);
}

#[test]
fn a_job_that_runs_is_counted_as_running_and_is_listed() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last");
    let (metrics, queue) = (waiting.metrics(), "http_context_worker_queue_jobs");
    for (state, jobs) in [("running", 1), ("waiting", 0), ("delayed", 0)] {
        let state = format!("state=\"{state}\"");
        assert_eq!(metrics.sum(queue, &[&state]), jobs, "{state}");
    }
    let listed: Value = serde_json::from_str(&waiting.get("/debug/contexts").body).unwrap();
    assert_eq!(listed["jobs_running"], 1);
    let job = &listed["jobs"][0];
    assert_eq!(
        (&job["id"], &job["kind"]),
        (&json!("last"), &json!("http-context-worker"))
    );
    assert_eq!(
        (&job["attempt"], &job["progress"]),
        (&json!(1), &Value::Null)
    );
    waiting.finish(arrival);
}

#[test]
fn live_contexts_and_the_queue_are_reported() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last https://me:secret@host/?sig=secret");
    let answer = waiting.get("/debug/contexts");
    assert!(!answer.body.contains("secret"), "{}", answer.body);
    let reported: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(reported["contexts_open"], 1);
    let context = &reported["contexts"][0];
    assert_eq!(
        context["name"],
        "job last https://REDACTED:REDACTED@host/?sig=REDACTED"
    );
    assert_eq!(context["requests_in_flight"], 1);
    assert_eq!(context["requests"], 1);
    assert_eq!(context["is_closing"], false);
    let place = context["opened_at"].as_str().unwrap();
    assert!(place.contains("handler.rs:"), "{place}");
    assert_eq!(reported["queue"]["finished"], FINISHED);
    assert_eq!(reported["queue"]["unfinished"], 1);
    assert_eq!(reported["leaks"], json!([]));
    assert_eq!(waiting.finish(arrival).code(), 0);
}

#[test]
fn it_is_ready_while_the_queue_is_open_and_not_when_draining() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last");
    assert_eq!(waiting.get("/livez").status, 200);
    assert_eq!(waiting.get("/readyz").status, 200);
    waiting.run.signal("TERM");
    let asked = Instant::now();
    let draining = loop {
        let answer = waiting.get("/readyz");
        if answer.status != 200 {
            break answer;
        }
        assert!(asked.elapsed() < LIMIT, "it stays ready");
    };
    assert_eq!(
        (draining.status, draining.body.as_str()),
        (503, "draining\n")
    );
    // It answers to the last.
    assert_eq!(waiting.get("/livez").status, 200);
    assert_eq!(waiting.finish(arrival).code(), 0);
}

#[test]
fn names_that_want_to_be_markup_stay_text() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, HOSTILE);
    let debug = waiting.get("/debug/contexts");
    assert!(
        debug.head.contains("content-type: application/json\r\n"),
        "{}",
        debug.head
    );
    assert!(!debug.head.contains("x-evil"));
    let reported: Value = serde_json::from_str(&debug.body).unwrap();
    assert_eq!(reported["contexts"][0]["name"], format!("job {HOSTILE}"));
    // No label has anything of a job.
    assert!(!waiting.get("/metrics").body.contains("onerror"));
    for path in ["/", "/metrics", "/debug/contexts", "/livez", "/readyz"] {
        let head = waiting.get(path).head;
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
    }
    waiting.finish(arrival);
}

#[test]
fn the_page_may_run_its_own_script_alone_and_asks_nobody_else() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last");
    let (page, again) = (waiting.get("/"), waiting.get("/"));
    let nonce = |answer: &Answer| {
        let rest = answer.body.split("<script nonce=\"").nth(1).unwrap();
        rest.split('"').next().unwrap().to_ascii_lowercase()
    };
    let policy = format!("script-src 'nonce-{}'", nonce(&page));
    assert!(page.head.contains("default-src 'none'"), "{}", page.head);
    assert!(page.head.contains(&policy), "{}", page.head);
    assert_ne!(nonce(&page), nonce(&again));
    for outside in [
        "http://",
        "https://",
        "src=",
        "@import",
        "url(",
        "innerHTML",
    ] {
        assert!(!page.body.contains(outside), "{outside}");
    }
    waiting.finish(arrival);
}

#[test]
fn a_name_that_leads_to_the_address_is_answered_nothing_on_any_route() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last");
    let port = waiting.address.port();
    let get = |path: &str, headers: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
        ask(waiting.address, &head)
    };
    for path in [
        "/",
        "/metrics",
        "/debug/contexts",
        "/livez",
        "/readyz",
        "/else",
    ] {
        for headers in [
            "host: evil.example\r\n",
            "host: localhost.evil.example:9464\r\n",
            "host: 192.0.2.1\r\n",
            "host: \r\n",
            "host: localhost\r\nhost: evil.example\r\n",
        ] {
            let answer = get(path, headers);
            assert!([400, 421].contains(&answer.status), "{path} {headers}");
            assert!(!answer.body.contains("context"), "{}", answer.body);
        }
        let absolute = get(&format!("http://evil.example{path}"), "host: localhost\r\n");
        assert_eq!(absolute.status, 421, "{path}");
        for host in [format!("localhost:{port}"), "[::1]".to_owned()] {
            let status = if path == "/else" { 404 } else { 200 };
            assert_eq!(get(path, &format!("host: {host}\r\n")).status, status);
        }
    }
    assert_eq!(waiting.finish(arrival).code(), 0);
}

#[test]
fn it_reads_only_and_bears_with_bad_clients() {
    let server = Server::start();
    let (waiting, arrival) = Waiting::start(&server, "last");
    let silent = TcpStream::connect(waiting.address).unwrap();
    let post = "POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(ask(waiting.address, post).status, 405);
    assert_eq!(
        ask(waiting.address, "\u{1}\u{2} nonsense\r\n\r\n").status,
        400
    );
    assert_eq!(waiting.get("/../../etc/passwd").status, 404);
    assert_eq!(waiting.get("/livez").status, 200);
    assert_eq!(waiting.finish(arrival).code(), 0);
    drop(silent);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let (files, taken) = (Files::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = taken.local_addr().unwrap().to_string();
    let jobs: PathBuf = files.write("jobs", "");
    let done = finish(&mut run_command(&[&"--jobs", &jobs, &"--admin", &address]));
    let sentence = format!("error: the admin endpoint cannot listen at {address}: ");
    assert!(done.refusal().starts_with(&sentence), "{}", done.stderr);
}
