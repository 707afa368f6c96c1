//! Heads that do not end.

use std::net::SocketAddr;
use std::time::Duration;

use http_context::{ErrorKind, OpenError, RequestError, http_session};
use http_context_tests::sockets;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::rig::{Rig, Wire};

/// Reads the first bytes of a request, says `start`, and then `again` for as long as it is heard.
async fn flooding(start: &'static str, again: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = socket.read(&mut request).await;
        let _ = socket.write_all(start.as_bytes()).await;
        let again = again.repeat(100);
        while socket.write_all(again.as_bytes()).await.is_ok() {}
    });
    addr
}

/// What a request ends with; nothing of it is left.
async fn ends_with(addr: SocketAddr, timeout: Duration) -> RequestError {
    let rig = Rig::new(Wire::Http1);
    let work = rig.context().open(async {
        let request = http_session()?.get(format!("http://{addr}/"));
        Ok::<_, OpenError>(request.timeout(timeout).send().await.unwrap_err())
    });
    let (error, report) = work.with_report().await;
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(sockets::to(addr), []);
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    assert_eq!(exported.ends().failed, 1, "{exported}");
    error.unwrap()
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_flood_of_header_fields_is_an_invalid_response() {
    let addr = flooding("HTTP/1.1 200 OK\r\n", "x-flood: more\r\n").await;
    let error = ends_with(addr, LONG).await;
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error:?}");
}

#[tokio::test]
async fn a_header_field_without_end_is_an_invalid_response() {
    let addr = flooding("HTTP/1.1 200 OK\r\nx-flood: ", "more and ").await;
    let error = ends_with(addr, LONG).await;
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error:?}");
}

#[tokio::test]
async fn interim_responses_without_end_last_as_long_as_the_request_may() {
    let addr = flooding("", "HTTP/1.1 102 Processing\r\n\r\n").await;
    let error = ends_with(addr, Duration::from_millis(150)).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
}
