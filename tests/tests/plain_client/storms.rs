//! Many clients, kept and dropped, asked for by many threads at once, and under faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http_context::{LeakKind, http_session, spawn};
use http_context_tests::{
    At, Fault, FaultProxy, InvariantObserver, Random, Script, Server, sockets,
};

use crate::rig::Wire;
use crate::{BoxError, checked, context, get, run, server};

/// As [`get`], where the connection may end in the very moment in which the request is handed to it by another thread:
/// that request may be left in the queue of a connection that nobody serves, and its client knows of no end.
async fn get_soon(client: &reqwest::Client, url: String) -> reqwest::Result<String> {
    let request = client.get(url).timeout(Duration::from_secs(10));
    request.send().await?.text().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn of_many_clients_each_one_that_is_kept_is_told_and_no_socket_is_left() {
    for wire in Wire::ALL {
        let server = Arc::new(server(wire));
        let (invariants, context) = checked(wire);
        let jobs = (0..60).map(|nth| {
            let (server, context) = (Arc::clone(&server), context.clone());
            tokio::spawn(async move {
                let is_kept = nth % 3 == 0;
                let (kept, report) = run(&context, async |session| {
                    let client = session.reqwest_client()?;
                    let all = (0..4).map(|_| get(&client, server.url("/ok")));
                    for text in join_all(all).await {
                        assert_eq!(text?, "ok");
                    }
                    Ok(is_kept.then(|| client.clone()))
                })
                .await;
                let kept_clients = report.leaks.iter();
                let kept_clients = kept_clients.filter(|leak| leak.kind == LeakKind::ClientClone);
                assert_eq!(kept_clients.count() == 1, is_kept, "{report}");
                assert_eq!(report.is_clean(), !is_kept, "{report}");
                assert_eq!(report.plain_requests, 4);
                if let Some(kept) = kept {
                    // By the gate, or by a connection whose task has not read its end yet.
                    get_soon(&kept, server.url("/ok")).await.unwrap_err();
                }
                report.connections_opened
            })
        });
        let opened: u64 = join_all(jobs).await.into_iter().map(Result::unwrap).sum();
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        // Over HTTP/2 a client leaves connections alone that it made for nothing, maybe in their handshake.
        assert_eq!(
            (counts.requests, counts.made()),
            (60 * 4, opened),
            "{wire:?}"
        );
        assert_eq!(sockets::to(server.addr()), []);
        let totals = invariants.settled().await;
        assert_eq!(totals.plain_answered, counts.heads);
        assert_eq!(totals.leaks_by_kind[&LeakKind::ClientClone], 20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_ask_at_once_share_one_client_and_none_outlives_its_session() {
    let server = Arc::new(Server::start());
    let (invariants, context) = checked(Wire::Http1);
    for _ in 0..50 {
        let (asked, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let ((), report) = run(&context, async |session| {
            for _ in 0..8 {
                let (session, asked, refused) = (session.clone(), asked.clone(), refused.clone());
                spawn(async move {
                    for _ in 0..4 {
                        match session.reqwest_client() {
                            Ok(client) => {
                                asked.fetch_add(1, Ordering::Relaxed);
                                drop(client);
                            }
                            // The exit came first.
                            Err(_) => {
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        tokio::task::yield_now().await;
                    }
                });
            }
            get(&session.reqwest_client()?, server.url("/ok")).await?;
            Ok(())
        })
        .await;
        assert!(report.is_clean(), "{report}");
        let both = asked.load(Ordering::Relaxed) + refused.load(Ordering::Relaxed);
        assert_eq!(both, 8 * 4, "children are waited for");
    }
    server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(invariants.settled().await.leaks, 0);
}

#[tokio::test]
async fn under_faults_each_request_that_ends_is_seen() {
    let scripts = [
        Script::new(),
        Script::fault(At::Accept, Fault::Reset),
        Script::fault(At::ResponseBytes(0), Fault::Close),
        Script::fault(At::ResponseBytes(10), Fault::Reset),
        Script::fault(At::ResponseBytes(0), Fault::Say("no HTTP\r\n\r\n".into())),
    ];
    for script in scripts {
        let server = Server::start();
        let proxy = FaultProxy::start(server.addr());
        proxy.set_usual(script.clone());
        let url = format!("http://{}/ok", proxy.addr());
        let invariants = Arc::new(InvariantObserver::new());
        let context = context(Wire::Http1).observer(invariants.clone());
        let (answered, report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            let mut answered = 0;
            for _ in 0..5 {
                let sent = client.get(&url).send().await;
                answered += u64::from(sent.is_ok());
            }
            Ok(answered)
        })
        .await;
        assert!(report.is_clean(), "{script:?}: {report}");
        let totals = invariants.settled().await;
        assert_eq!(
            (report.plain_requests, totals.plain_answered),
            (5, answered),
            "{script:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn whatever_becomes_of_requests_no_socket_is_left_and_no_more_is_told_than_the_server_saw() {
    let server = Arc::new(Server::start());
    let (invariants, context) = checked(Wire::Http1);
    let context = context.drain_timeout(Duration::from_millis(20));
    let mut random = Random::new(17);
    let jobs = (0..80).map(|_| {
        let (server, context) = (Arc::clone(&server), context.clone());
        let draws: Vec<u64> = (0..6).map(|_| random.below(6)).collect();
        tokio::spawn(async move {
            let work = context.open(async {
                let client = http_session()?.reqwest_client()?;
                for draw in draws {
                    match draw {
                        0 => drop(tokio::spawn(client.get(server.url("/never")).send())),
                        1 => drop(client.get(server.url("/bytes/100000")).send().await),
                        2 => drop(get_soon(&client, server.url("/cut/10")).await),
                        3 => http_session()?.close(),
                        _ => drop(get_soon(&client, server.url("/ok")).await),
                    }
                }
                Ok::<_, BoxError>(())
            });
            let report = work.with_report().await.1.unwrap();
            report.plain_requests
        })
    });
    let seen: u64 = join_all(jobs).await.into_iter().map(Result::unwrap).sum();
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    let totals = invariants.settled().await;
    assert_eq!(seen, totals.plain_requests);
    assert!(
        totals.plain_answered <= counts.heads,
        "{totals:?} {counts:?}"
    );
    assert_eq!(sockets::to(server.addr()), []);
}
