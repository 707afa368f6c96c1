//! What the live page shows of this process, in a real browser.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use http_context::{OpenError, builder, caller, http_session, open};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Admin, AdminServer};

/// A server that answers with 101, and sends back whatever comes after it. Returns its address.
fn upgrades() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        let mut bytes = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            stream.write_all(&bytes[..length]).unwrap();
        }
    });
    address
}

async fn dom(admin: &AdminServer) -> String {
    let url = admin.url();
    // The endpoint answers meanwhile.
    tokio::task::spawn_blocking(|| dump(url)).await.unwrap()
}

fn dump(url: String) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-background-networking", "--lang=en"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // Of the page's own clock, which waits for what the page waits for.
        .args(["--virtual-time-budget=3500", "--dump-dom"])
        .arg(url)
        .output()
        .expect("chromium is on the search path: `cargo xtask test` installs it");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The cells of the only row of a table that has this text: other tests open contexts beside this one.
fn row(dom: &str, id: &str, text: &str) -> Vec<String> {
    let table = dom.split(&format!("id=\"{id}\"")).nth(1);
    let rows = table.unwrap().split("</tbody>").next().unwrap();
    let with_it = rows.split("<tr").skip(1).filter(|row| row.contains(text));
    let [row] = with_it.collect::<Vec<_>>()[..] else {
        panic!("{text}: {rows}");
    };
    let cells = row.split("<td").skip(1);
    let text = |cell: &str| cell.split(['>', '<']).nth(1).unwrap().to_owned();
    cells.map(text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgraded_connections_and_nested_opens_are_shown_with_their_places() {
    let prometheus = PrometheusBuilder::new().build_recorder().handle();
    let address = "127.0.0.1:0".parse().unwrap();
    let admin = Admin::new("a worker", move || prometheus.render());
    let admin = admin.serve(address).await.unwrap();
    let name = "chat <b> https://me:pw@host/?sig=abc";
    let work = builder().name(name).open(async {
        open(async { Ok::<_, OpenError>(()) }).await?;
        let server = upgrades();
        let session = http_session()?;
        let request = session
            .get(format!("http://{server}/"))
            .header("upgrade", "websocket");
        let request = request.header("connection", "upgrade").build().unwrap();
        let upgraded = caller("talker").scope(session.upgrade(request));
        let mut io = upgraded.await.unwrap();
        // A text of 20 bytes, by a mask that changes nothing.
        let frame = [&[0x81, 0x94, 0, 0, 0, 0][..], &[b'.'; 20]].concat();
        io.write_all(&frame).await.unwrap();
        io.flush().await.unwrap();
        io.read_exact(&mut vec![0; frame.len()]).await.unwrap();
        // One of a client that is not ours, by the same caller.
        let plain = session.reqwest_client()?;
        let alive = plain.get(format!("{}livez", admin.url())).send();
        let alive = caller("talker").scope(alive).await.unwrap();
        assert_eq!(alive.text().await.unwrap(), "alive\n");

        let dom = dom(&admin).await;
        let shown = row(&dom, "upgraded-rows", "");
        let here = |cell: &str| assert!(cell.contains("shown.rs:"), "{cell}");
        assert_eq!(shown[0], server);
        assert_eq!(shown[1..3], ["websocket", "active"]);
        for time in &shown[3..5] {
            assert!(time.ends_with(" ms") || time.ends_with(" s"), "{time}");
        }
        assert_eq!(shown[5..7], ["26 B, 1 message", "26 B, 1 message"]);
        assert_eq!(
            shown[7],
            "chat &lt;b&gt; https://REDACTED:REDACTED@host/?sig=REDACTED, by talker"
        );
        here(&shown[8]);
        let context = row(&dom, "contexts-rows", "chat");
        assert_eq!(context[5], "talker 1 and 1 of plain clients");
        here(&context[6]);
        let nested = row(&dom, "nested-rows", "shown.rs:");
        nested[3..].iter().for_each(|cell| here(cell));

        let debug = session.get(format!("{}debug/contexts", admin.url()));
        let debug = debug.send().await.unwrap().bytes().await.unwrap();
        let debug: Value = serde_json::from_slice(&debug).unwrap();
        assert_eq!(debug["upgraded_open"], 1);
        let one = &debug["upgraded"][0];
        let mut contexts = debug["contexts"].as_array().unwrap().iter();
        let is_chat = |context: &&Value| context["name"].to_string().contains("chat");
        let context = contexts.find(is_chat).unwrap();
        assert_eq!(one["context"], context["id"]);
        assert_eq!(one["opened_at"], context["opened_at"]);
        assert!(one["quiet_ms"].as_u64() <= one["age_ms"].as_u64());
        assert!(one["connection"].is_u64());
        assert_eq!(one["caller"], "talker");
        assert_eq!(one["state"], "active");
        let by = &context["callers"][0];
        assert_eq!(
            (&by["caller"], &by["requests"], &by["plain_requests"]),
            (&"talker".into(), &1.into(), &1.into())
        );
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let dom = dom(&admin).await;
    assert_eq!(row(&dom, "upgraded-rows", ""), ["none is open"]);
}

/// A histogram of so many requests below 10 ms, and so many between a second and ten.
fn requests(fast: u64, slow: u64) -> String {
    let all = fast + slow;
    [("0.01", fast), ("1", fast), ("10", all), ("+Inf", all)]
        .map(|(le, count)| {
            format!("http_client_request_duration_seconds_bucket{{le=\"{le}\"}} {count}\n")
        })
        .concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_over_time_is_drawn_by_decades_from_what_was_recorded_between_two_looks() {
    let address = "127.0.0.1:0".parse().unwrap();
    let admin = Admin::new("a worker", String::new);
    for (fast, slow) in [(0, 0), (100, 0), (200, 0), (200, 0), (300, 100)] {
        admin.0.latency.look(&requests(fast, slow));
    }
    let server = admin.serve(address).await.unwrap();
    let dom = dom(&server).await;
    let plot = dom.split("id=\"plot-requests\"").nth(1).unwrap();
    let plot = plot.split("</svg>").next().unwrap();
    let path = |class: &str| {
        let path = plot.split(&format!("class=\"{class}\" d=\"")).nth(1);
        path.unwrap().split('"').next().unwrap().to_owned()
    };
    // One of the four has no request.
    for class in ["p50", "p99"] {
        let drawn = path(class);
        assert_eq!(drawn.matches(['M', 'L']).count(), 3, "{class}: {drawn}");
    }
    // Higher up is slower, and the median of the last point is not.
    let last = |drawn: &str| -> f64 {
        drawn
            .rsplit(' ')
            .next()
            .unwrap()
            .split('h')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(last(&path("p99")) < last(&path("p50")));
    let labels: Vec<&str> = plot.split("<text").skip(1).collect();
    for label in [
        ">1 ms<",
        ">10 ms<",
        ">1 s<",
        ">10 s<",
        ">5 min ago<",
        ">now<",
    ] {
        assert!(
            labels.iter().any(|text| text.contains(label)),
            "{label}: {labels:?}"
        );
    }
    assert!(
        dom.contains(">last: median 10.0 ms, 99 % 9.8 s, of 200 in 10 s<"),
        "{plot}"
    );
    // Nothing was recorded of jobs.
    assert!(dom.contains("id=\"figure-jobs\" hidden"), "{dom}");
}
