//! Clients that mean no good, on every route there is.
//!
//! What they get is the right status and a sentence; and the next client gets what it asks for.

#![allow(clippy::unwrap_used, reason = "tests")]

mod holding;

use std::time::Duration;

use http::StatusCode;
use reqwest::{Client, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::{Admin, AdminServer};

/// Longer than anything here may take.
const LIMIT: Duration = Duration::from_secs(30);
const TOKEN: &str = "correct-horse-battery-staple";

/// Every method that there is a name for, and one that nobody knows.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW",
];

fn admin() -> Admin {
    Admin::new("hostile", || "a_metric 1\n".to_owned()).token(TOKEN.parse().unwrap())
}

async fn server() -> AdminServer {
    admin().serve("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

async fn connect(server: &AdminServer) -> TcpStream {
    TcpStream::connect(server.address()).await.unwrap()
}

/// All that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = timeout(LIMIT, stream.read_to_end(&mut bytes))
        .await
        .expect("it is closed");
    String::from_utf8(bytes).unwrap()
}

/// The statuses of the answers in a text, and what stands in the last one.
fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

async fn ask(server: &AdminServer, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// One answer, with this status; but for `HEAD`, a sentence.
fn assert_said(answer: &str, status: u16, what: &str) {
    assert_eq!(statuses(answer), [status], "{what}\n{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("nosniff"), "{what}\n{answer}");
    if what.starts_with("HEAD") {
        assert_eq!(body, "", "{what}");
    } else if status >= 400 {
        assert!(
            body.ends_with('\n') && body.trim().len() >= 12,
            "{what}\n{answer}"
        );
    }
    assert!(!answer.contains(TOKEN), "{what}");
}

/// The endpoint serves everybody else.
async fn assert_serves(server: &AdminServer) {
    let began = Instant::now();
    let answer = ask(
        server,
        "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    );
    assert!(answer.await.ends_with("alive\n"));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_every_method_host_and_token_by_the_list() {
    let server = server().await;
    let paths = Admin::routes().chain([("/nothing", "")]);
    let mut asked = 0;
    for (path, allowed) in paths {
        let allowed: Vec<&str> = allowed.split(", ").collect();
        for method in METHODS {
            for (host, is_ours) in [
                ("localhost", true),
                ("127.0.0.1:1", true),
                ("evil.example", false),
                ("localhost.evil.example", false),
                ("127.0.0.2.evil.example", false),
            ] {
                for (token, is_right) in [
                    (None, false),
                    (Some("Bearer wrong-horse-battery-staple"), false),
                    (Some("Basic correct-horse-battery-staple"), false),
                    (Some("Bearer correct-horse-battery-staple"), true),
                ] {
                    let header =
                        token.map_or(String::new(), |token| format!("authorization: {token}\r\n"));
                    // A target in another form is none for CONNECT.
                    let target = if method == "CONNECT" {
                        "localhost:1"
                    } else {
                        path
                    };
                    let request = format!(
                        "{method} {target} HTTP/1.1\r\nhost: {host}\r\n{header}content-type: application/json\r\n\
                         content-length: 12\r\nconnection: close\r\n\r\n{{\"number\":1}}"
                    );
                    let what = format!("{method} {path} for {host} with {token:?}");
                    let is_command = allowed == ["POST"];
                    let status = match () {
                        () if !is_ours => 421,
                        () if path == "/nothing" || method == "CONNECT" => 404,
                        () if !allowed.contains(&method) => 405,
                        () if is_command && !is_right => 401,
                        // No worker is at work.
                        () if is_command => 409,
                        () => 200,
                    };
                    let answer = ask(&server, &request).await;
                    assert_said(&answer, status, &what);
                    if status == 405 {
                        let allow = format!("allow: {}\r\n", allowed.join(", "));
                        assert!(answer.contains(&allow), "{what}\n{answer}");
                    }
                    assert_eq!(
                        answer.contains("www-authenticate: Bearer"),
                        status == 401,
                        "{what}"
                    );
                    // Nobody is let in from elsewhere.
                    assert!(!answer.contains("access-control"), "{what}");
                    asked += 1;
                }
            }
        }
    }
    assert_eq!(asked, (Admin::routes().count() + 1) * METHODS.len() * 5 * 4);
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_client_of_another_kind_is_answered_the_same() {
    let server = server().await;
    let client = Client::builder().no_proxy().build().unwrap();
    for (path, allowed) in Admin::routes() {
        let url = format!("http://{}{path}", server.address());
        for method in METHODS {
            let is_allowed = allowed.split(", ").any(|one| one == method);
            let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), &url);
            let answer = request.send().await.unwrap();
            let expected = match (is_allowed, allowed) {
                // Its target is a host.
                _ if method == "CONNECT" => continue,
                (false, _) => StatusCode::METHOD_NOT_ALLOWED,
                (true, "POST") => StatusCode::UNAUTHORIZED,
                (true, _) => StatusCode::OK,
            };
            assert_eq!(answer.status(), expected, "{method} {path}");
            let body = answer.text().await.unwrap();
            assert_eq!(body.is_empty(), method == "HEAD", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_none_are_told_so() {
    let server = server().await;
    for (path, _) in Admin::routes().filter(|(_, allowed)| *allowed == "POST") {
        for (headers, body, status) in [
            ("content-type: text/plain\r\n", r#"{"id":"a"}"#, 415),
            ("", r#"{"id":"a"}"#, 415),
            ("content-type: application/json\r\n", "", 400),
            ("content-type: application/json\r\n", "[]", 400),
            ("content-type: application/json\r\n", "{}", 400),
            (
                "content-type: application/json\r\n",
                r#"{"id":"a","number":1}"#,
                400,
            ),
            (
                "content-type: application/json\r\n",
                r#"{"number":-1}"#,
                400,
            ),
            (
                "content-type: application/json\r\n",
                r#"{"id":"a","as":"b"}"#,
                400,
            ),
            (
                "content-type: application/json; charset=utf-8\r\n",
                r#"{"id":"a"}"#,
                409,
            ),
        ] {
            let length = body.len();
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n{headers}\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let what = format!("{path} {headers}{body}");
            assert_said(&ask(&server, &request).await, status, &what);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_body_is_refused_by_its_length_and_by_its_bytes_and_read_nowhere_else() {
    let server = server().await;
    for (path, allowed) in Admin::routes() {
        let method = allowed.split(',').next().unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\nconnection: close\r\n"
        );
        let status = if method == "POST" { 413 } else { 200 };
        // It has said how much it is to be, and not begun.
        let declared = format!("{head}content-length: 1000000000000\r\n\r\n");
        assert_said(&ask(&server, &declared).await, status, &declared);
        // It does not say so, and goes on for as long as it can.
        let mut stream = connect(&server).await;
        let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
        stream.write_all(chunked.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let sends = tokio::spawn(async move {
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            let mut sent = 0;
            while write.write_all(chunk.as_bytes()).await.is_ok() {
                sent += chunk.len();
            }
            sent
        });
        let mut answer = Vec::new();
        let _ = timeout(LIMIT, read.read_to_end(&mut answer)).await.unwrap();
        assert_said(&String::from_utf8(answer).unwrap(), status, &chunked);
        drop(read);
        // For a second at most, into nothing.
        timeout(LIMIT, sends).await.unwrap().unwrap();
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = server().await;
    let value = "x".repeat(64 * 1024);
    let many = "a: b\r\n".repeat(1_000);
    for (head, status) in [
        (
            format!("GET / HTTP/1.1\r\nhost: localhost\r\na: {value}\r\n\r\n"),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"),
            431,
        ),
        (
            format!("GET /{value} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            431,
        ),
        ("\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nconnection: close\r\nhost: a b\r\n\r\n".to_owned(),
            421,
        ),
        ("GET / HTTP/9.9\r\nhost: localhost\r\n\r\n".to_owned(), 400),
    ] {
        let answer = ask(&server, &head).await;
        let what = head.get(..40).unwrap_or(&head);
        assert_eq!(statuses(&answer).last(), Some(&status), "{what}\n{answer}");
    }
    assert_serves(&server).await;
}
