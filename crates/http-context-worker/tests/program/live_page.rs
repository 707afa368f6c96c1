//! The live page in a real browser.

mod by_hand;

use std::process::Command;

use serde_json::json;

use crate::admin::{FINISHED, HOSTILE, Waiting, admin_address};
use crate::support::{Files, Gate, Running, Server, nobody, to_lines};

/// The page as it is after its first polls: the DOM of a headless Chromium, as text.
fn dom(waiting: &Waiting) -> String {
    dom_of(waiting.address)
}

fn dom_of(address: std::net::SocketAddr) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-background-networking", "--lang=en"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // Of the page's own clock, which waits for what the page waits for.
        .args(["--virtual-time-budget=3500", "--dump-dom"])
        .arg(format!("http://{address}/"))
        .output()
        .expect("chromium is on the search path: `cargo xtask test` installs it");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The text of the element with this id.
fn text<'d>(dom: &'d str, id: &str) -> &'d str {
    let element = dom.split(&format!("id=\"{id}\"")).nth(1);
    let element = element.unwrap_or_else(|| panic!("there is no {id}\n{dom}"));
    let (_, rest) = element.split_once('>').unwrap();
    rest.split('<').next().unwrap()
}

#[test]
fn the_numbers_on_the_page_are_those_of_the_metrics() {
    let server = Server::start();
    let (waiting, _arrival) = Waiting::start(&server, "last");
    let dom = dom(&waiting);
    // Nothing ends while the last job waits: what is answered now was answered to the page.
    let metrics = waiting.metrics();
    let sum = |metric: &str, labels: &[&str]| metrics.sum(metric, labels).to_string();
    let (open, jobs) = (
        "http_client_open_connections",
        "http_context_worker_jobs_total",
    );
    let answers = "http_context_request_connections_total";
    let duration = "http_client_request_duration_seconds";
    for (id, figure) in [
        ("requests", sum(&format!("{duration}_count"), &[])),
        ("open", sum(open, &[])),
        ("active", sum(open, &["http_connection_state=\"active\""])),
        ("idle", sum(open, &["http_connection_state=\"idle\""])),
        (
            "opened",
            sum("http_context_connection_create_duration_seconds_count", &[]),
        ),
        ("answered", sum(answers, &[])),
        ("reused", sum(answers, &["source=\"reused\""])),
        ("jobs-ok", sum(jobs, &["status=\"ok\""])),
        ("jobs-failed", sum(jobs, &["status=\"failed\""])),
        ("jobs-retried", sum(jobs, &["status=\"retried\""])),
        ("contexts", sum("http_context_contexts_active", &[])),
        ("contexts-closed", sum("http_context_contexts_total", &[])),
        ("in-flight", sum("http_client_active_requests", &[])),
        ("leaks", sum("http_context_leaks_total", &[])),
        ("nested", sum("http_context_nested_opens_total", &[])),
    ] {
        assert_eq!(text(&dom, id), figure, "{id}");
    }
    for (id, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        let shown = text(&dom, id).strip_suffix(" ms").unwrap();
        assert_eq!(shown.split_once('.').unwrap().1.len(), 1, "{id}: {shown}");
        // Rounded either way in the middle: a browser goes up, and Rust to the even digit.
        let (shown, exact) = (
            shown.parse::<f64>().unwrap(),
            metrics.quantile(duration, quantile) * 1e3,
        );
        assert!(
            (shown - exact).abs() <= 0.05 + 1e-9,
            "{id}: {shown} of {exact}"
        );
    }
    // And they are those that must be: each request but the first found a connection open,
    // because the jobs hand their session on.
    assert_eq!(text(&dom, "jobs-ok"), FINISHED.to_string());
    assert_eq!(text(&dom, "answered"), (4 * FINISHED).to_string());
    assert_eq!(text(&dom, "reused"), (4 * FINISHED - 1).to_string());
    assert_eq!(text(&dom, "reuse"), "97.9 %");
    assert_eq!(text(&dom, "unfinished"), "1");
    assert_eq!(text(&dom, "state"), "ready");
    assert_eq!(text(&dom, "throughput"), "0.0");
}

#[test]
fn a_name_that_wants_to_be_markup_is_shown_as_it_is() {
    let server = Server::start();
    let (waiting, _arrival) = Waiting::start(&server, HOSTILE);
    let dom = dom(&waiting);
    let shown = "job &lt;img src=x onerror=document.title=1&gt;&lt;/td&gt;&lt;script&gt;document.title=2&lt;/script&gt;";
    assert!(dom.contains(shown), "{dom}");
    assert!(!dom.contains("<img"));
    assert_eq!(dom.matches("<script").count(), 1);
}

#[test]
fn jobs_under_way_and_the_last_failures_are_on_the_page() {
    let (files, gate) = (Files::new(), Gate::start());
    let lines = [
        json!({"id": HOSTILE, "url": nobody()}),
        json!({"id": "lasts", "url": gate.url("/")}),
    ];
    files.write("jobs", to_lines(lines));
    let mut command = files.command(&[]);
    command.args(["--concurrency", "1", "--admin", "127.0.0.1:0"]);
    let mut run = Running::start(&mut command);
    let address = admin_address(&mut run);
    let _arrival = gate.next();
    let dom = dom_of(address);
    let row = |id: &str| {
        let table = dom.split(&format!("id=\"{id}\"")).nth(1).unwrap();
        let body = table.split("</tbody>").next().unwrap().to_owned();
        assert_eq!(body.matches("<tr").count(), 1, "{body}");
        body
    };
    let under_way = row("under-way-rows");
    assert!(
        under_way.contains(">lasts<") && under_way.contains(">http-context-worker<"),
        "{under_way}"
    );
    let failed = row("failures-rows");
    assert!(
        failed.contains("request 1 of 1: ") && failed.contains(">none<"),
        "{failed}"
    );
    assert!(
        failed.contains("&lt;img src=x") && !failed.contains("<img"),
        "{failed}"
    );
    assert_eq!(
        text(&dom, "queue-states"),
        "1 running, 0 settling, 0 waiting, 0 delayed"
    );
    // It is shown.
    assert!(!dom.contains("id=\"of-queue\" hidden"), "{dom}");
}
