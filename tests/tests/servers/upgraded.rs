//! A server that passes an upgraded connection on: its context lasts as long as the task that does.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use http::{StatusCode, header};
use http_context::{FutureExt as _, Outcome, http_session};
use http_context_tests::UpgradeServer;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::sync::mpsc;

use crate::{Proxy, client};

#[tokio::test]
async fn a_connection_that_is_passed_on_belongs_to_its_context_until_it_ends() {
    let upstream = UpgradeServer::start();
    let url = upstream.url("/");
    let (passed_on, mut passes) = mpsc::unbounded_channel();
    let handler = move |mut request: Request| async move {
        let below = http_session()
            .unwrap()
            .get(url)
            .header(header::UPGRADE, "echo");
        let mut below = below.upgrade().await.unwrap();
        let above = hyper::upgrade::on(&mut request);
        let pass_on = async move {
            let mut above = TokioIo::new(above.await.unwrap());
            let (mut head, mut back) = ([0; 10], [0; 10]);
            above.read_exact(&mut head).await.unwrap();
            below.write_all(&head).await.unwrap();
            below.read_exact(&mut back).await.unwrap();
            above.write_all(&back).await.unwrap();
            // The client has its head by now, and the response has ended.
            passed_on.send(http_session().is_ok()).unwrap();
            let _ = copy_bidirectional(&mut above, &mut below).await;
        };
        tokio::spawn(pass_on.in_current_http_context());
        let upgraded = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")];
        (StatusCode::SWITCHING_PROTOCOLS, upgraded)
    };
    let proxy = Proxy::serve(Router::new().route("/", get(handler))).await;
    let request = client().get(proxy.url("/")).header("upgrade", "echo");
    let response = request
        .header("connection", "upgrade")
        .send()
        .await
        .unwrap();
    let mut io = response.upgrade().await.unwrap();
    for nth in 0..5 {
        io.write_all(&[nth; 10]).await.unwrap();
        let mut back = [0; 10];
        io.read_exact(&mut back).await.unwrap();
        assert_eq!(back, [nth; 10]);
        assert!(proxy.recorder.reports().is_empty());
    }
    let is_open = passes.recv().await.unwrap();
    assert!(is_open, "it has begun to exit");
    drop(io);
    let report = proxy.report().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.outcome, Outcome::Completed);
    assert_eq!((report.bytes_sent, report.bytes_received), (50, 50));
    assert!(report.exit_duration < Duration::from_secs(1), "{report}");
    upstream.wait_until(|counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_task_behind_a_response_that_is_none_is_told_that_its_context_closes() {
    let handler = || async {
        http_context::spawn(http_context::closing());
        "done"
    };
    let proxy = Proxy::serve(Router::new().route("/", get(handler))).await;
    let response = client().get(proxy.url("/")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "done");
    let report = proxy.report().await;
    assert!(report.is_clean(), "{report}");
    assert!(report.exit_duration < Duration::from_secs(1), "{report}");
}
