//! Clients that hold a connection: slow ones, deaf ones, and a thousand at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::super::AdminServer;
use super::super::server::Limits;
use super::{
    LIMIT, TOKEN, admin, ask, assert_said, assert_serves, connect, rest, server, statuses,
};

async fn server_with(limits: Limits) -> AdminServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    AdminServer::start(listener, Arc::clone(&admin().0), limits).unwrap()
}

#[tokio::test]
async fn who_is_too_slow_is_told_so_or_cut_off() {
    let limits = Limits {
        request_within: Duration::from_millis(300),
        ..Limits::DEFAULT
    };
    let server = server_with(limits).await;
    // A head that does not end, byte by byte.
    let (mut read, mut write) = connect(&server).await.into_split();
    let slow = tokio::spawn(async move {
        write
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\na: ")
            .await?;
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            write.write_all(b"a").await?;
        }
        #[expect(unreachable_code, reason = "says what fails")]
        std::io::Result::Ok(())
    });
    let mut answer = String::new();
    let _ = timeout(LIMIT, read.read_to_string(&mut answer))
        .await
        .unwrap();
    assert_eq!(statuses(&answer), [408]);
    assert!(
        answer.ends_with("\r\n\r\nthe request takes too long.\n"),
        "{answer}"
    );
    drop(read);
    timeout(LIMIT, slow).await.unwrap().unwrap().unwrap_err();
    // Nothing at all, and nothing after a request.
    let mut silent = connect(&server).await;
    assert_eq!(statuses(&rest(&mut silent).await), [408]);
    let kept = ask(&server, "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(statuses(&kept), [200]);
    assert!(kept.ends_with("alive\n"), "{kept}");
    // A body that does not come.
    let head = format!(
        "POST /jobs/cancel HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 10\r\n\r\n{{"
    );
    assert_eq!(ask(&server, &head).await, "");
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_a_few_seconds() {
    let server = server().await;
    let head = format!(
        "POST /jobs/cancel HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{{"
    );
    assert_said(&ask(&server, &head).await, 408, "a slow body");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_as_far_as_they_are_read() {
    let server = server().await;
    let one = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let last = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answers = ask(&server, &format!("{}{last}", one.repeat(100))).await;
    assert_eq!(statuses(&answers), [200; 101]);
    assert!(answers.ends_with("ready\n"));
    // Nobody reads the answers: at some point no more requests are taken.
    let mut deaf = connect(&server).await;
    let many = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
    let mut taken = 0;
    while let Ok(written) = timeout(Duration::from_secs(2), deaf.write(many.as_bytes())).await {
        taken += written.unwrap();
        assert!(taken < 64 * 1024 * 1024, "it takes whatever comes");
    }
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_keep_nobody_out_and_are_closed() {
    let server = server().await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(connect(&server).await);
    }
    assert_serves(&server).await;
    // All but the last few are closed by now, without any time having passed.
    let mut closed = 0;
    for stream in &mut idle[..1_000 - Limits::DEFAULT.connections] {
        let mut byte = [0];
        let read = timeout(LIMIT, stream.read(&mut byte)).await;
        closed += usize::from(!matches!(read.unwrap(), Ok(1..)));
    }
    assert_eq!(closed, 1_000 - Limits::DEFAULT.connections);
    // One with a request keeps its place before those that only hold one.
    let mut busy = connect(&server).await;
    let ask = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut answer = vec![0; 512];
    for _ in 0..200 {
        busy.write_all(ask.as_bytes()).await.unwrap();
        let length = timeout(LIMIT, busy.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(
            std::str::from_utf8(&answer[..length])
                .unwrap()
                .ends_with("alive\n")
        );
        idle.push(connect(&server).await);
    }
}
