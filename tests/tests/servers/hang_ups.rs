//! A client that hangs up ends the context of its response, and what that has asked of others.

use std::time::Duration;

use http_context::Outcome;
use http_context::open_contexts;
use http_context_tests::Server;

use crate::{Proxy, client};

#[tokio::test]
async fn it_cancels_what_the_handler_asked_of_others() {
    let upstream = Server::start();
    let proxy = Proxy::to(&upstream).await;
    let mut response = client().get(proxy.url("/slow-body")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    drop(response);
    let report = proxy.report().await;
    assert_eq!(report.outcome, Outcome::Cancelled, "{report}");
    assert!(report.is_clean());
    upstream.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn one_that_waits_for_the_head_cancels_as_well() {
    let upstream = Server::start();
    let proxy = Proxy::to(&upstream).await;
    let request = tokio::spawn(client().get(proxy.url("/slow-head")).send());
    upstream.wait_until(|counts| counts.held == 1).await;
    request.abort();
    let report = proxy.report().await;
    assert_eq!(report.outcome, Outcome::Cancelled, "{report}");
    upstream.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_that_hang_up_at_random_leave_no_context() {
    const CLIENTS: u64 = 1_000;
    let upstream = Server::start();
    let proxy = Proxy::to(&upstream).await;
    let client = client();
    let mut clients = tokio::task::JoinSet::new();
    for nth in 0..CLIENTS {
        let (client, url) = (client.clone(), proxy.url("/chunked/50/1000"));
        clients.spawn(async move {
            // Before the head, in the middle, or after the end.
            let limit = Duration::from_micros(nth * 7919 % 40_000);
            let whole = async {
                let mut response = client.get(url).send().await.unwrap();
                while response.chunk().await.unwrap().is_some() {}
            };
            tokio::time::timeout(limit, whole).await.is_ok()
        });
        if clients.len() >= 50 {
            clients.join_next().await.unwrap().unwrap();
        }
    }
    let mut whole = 0;
    while let Some(client) = clients.join_next().await {
        whole += u64::from(client.unwrap());
    }
    upstream.wait_until(|counts| counts.open() == 0).await;
    // A context ends with its response, and each one that had an upstream is gone by now but for the
    // last turn of its task.
    while !open_contexts().is_empty() {
        tokio::task::yield_now().await;
    }
    let reports = proxy.recorder.reports();
    assert!(reports.iter().all(http_context::ExitReport::is_clean));
    let completed = reports
        .iter()
        .filter(|report| report.outcome == Outcome::Completed);
    assert!(completed.count() as u64 >= whole);
}
