//! The question to the operating system at exit stays short, however much the process has open.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use http_context::{http_session, open};
use http_context_tests::Server;

const DESCRIPTORS: usize = 10_000;

#[tokio::test]
async fn with_ten_thousand_descriptors_an_exit_takes_at_most_twenty_milliseconds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pairs: Vec<_> = (0..DESCRIPTORS / 2)
        .map(|_| {
            (
                TcpStream::connect(address).unwrap(),
                listener.accept().unwrap(),
            )
        })
        .collect();
    let server = Server::start();
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let work = open(async {
            http_session()?
                .get(server.url("/ok"))
                .send()
                .await?
                .bytes()
                .await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        });
        let (result, report) = work.with_report().await;
        result.unwrap();
        let report = report.unwrap();
        assert!(report.is_clean(), "{report}");
        // The quickest of some, since other processes of the machine are no part of the question.
        quickest = quickest.min(report.exit_duration);
    }
    println!(
        "an exit with {} sockets open: {quickest:?}",
        pairs.len() * 2
    );
    assert!(quickest <= Duration::from_millis(20), "{quickest:?}");
}
