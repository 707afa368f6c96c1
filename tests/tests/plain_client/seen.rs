//! What is seen of the requests and connections of a plain client is what the server counts.

use futures_util::future::join_all;
use http_context::testing::Fact;
use http_context::{ErrorKind, caller, open_connections};
use http_context_tests::{RefusedPort, sockets};

use crate::rig::Wire;
use crate::{AT_ONCE, checked, get, recorded, run, server};

#[tokio::test]
async fn requests_and_connections_are_those_that_the_server_counts() {
    for wire in Wire::ALL {
        let server = server(wire);
        let (invariants, context) = checked(wire);
        let ((), report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            drop(session);
            for _ in 0..3 {
                let response = client.get(server.url("/ok")).send().await?;
                assert_eq!(response.text().await?, "ok");
            }
            let all = (0..8).map(async |_| {
                let response = client
                    .post(server.url("/echo"))
                    .body("hello")
                    .send()
                    .await?;
                response.text().await
            });
            for text in join_all(all).await {
                assert_eq!(text?, "hello");
            }
            // One that was made for a request which another one served may be about to be known.
            let known = || {
                let open = open_connections();
                let own = open.iter().filter(|one| one.info.plain.is_some());
                let own = own.filter(|one| one.info.origin.port() == server.addr().port());
                u64::try_from(own.count()).unwrap()
            };
            while known() != server.counts().open() {
                tokio::task::yield_now().await;
            }
            Ok(())
        })
        .await;
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        assert!(report.is_clean(), "{wire:?}: {report}");
        assert!(report.exit_duration < AT_ONCE, "{wire:?}: {report:?}");
        assert_eq!(
            (report.requests, report.plain_requests),
            (0, counts.requests)
        );
        assert_eq!(report.connections_opened, counts.accepted, "{wire:?}");
        assert_eq!(sockets::to(server.addr()), []);
        let totals = invariants.balanced();
        assert_eq!(totals.plain_answered, counts.heads, "{wire:?}");
    }
}

#[tokio::test]
async fn each_hop_of_a_redirect_is_one() {
    for wire in Wire::ALL {
        let server = server(wire);
        let (invariants, context) = checked(wire);
        let (_, report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            Ok(client
                .get(server.url("/redirect/4"))
                .send()
                .await?
                .text()
                .await?)
        })
        .await;
        assert_eq!((report.plain_requests, server.counts().requests), (5, 5));
        assert_eq!(invariants.balanced().plain_answered, 5);
    }
}

#[tokio::test]
async fn a_stream_that_the_server_refuses_is_sent_again_and_seen_each_time() {
    let server = server(Wire::TlsHttp2);
    let (recorder, context) = recorded(Wire::TlsHttp2);
    let (status, report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        // REFUSED_STREAM.
        let response = client.get(server.url("/reset/7/2")).send().await?;
        Ok(response.status())
    })
    .await;
    assert_eq!(status, 200);
    assert_eq!((report.plain_requests, server.counts().requests), (3, 3));
    let outcomes = recorder.all(|fact| match fact {
        Fact::PlainRequestEnded { outcome, .. } => Some(*outcome),
        _ => None,
    });
    let refused = Err(ErrorKind::ResponseEnded);
    assert_eq!(outcomes, [refused, refused, Ok(status)]);
}

#[tokio::test]
async fn a_stream_that_the_server_ends_otherwise_is_not_sent_again() {
    let server = server(Wire::TlsHttp2);
    for (attempts, code) in [h2::Reason::NO_ERROR, h2::Reason::INTERNAL_ERROR]
        .into_iter()
        .enumerate()
    {
        let (_, context) = recorded(Wire::TlsHttp2);
        let ((), report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            let reset = format!("/reset/{}/2", u32::from(code));
            client.get(server.url(&reset)).send().await.unwrap_err();
            Ok(())
        })
        .await;
        let requests = server.counts().requests;
        assert_eq!(
            (report.plain_requests, requests),
            (1, attempts as u64 + 1),
            "{code:?}"
        );
    }
}

#[tokio::test]
async fn a_failure_is_one_and_its_kind_is_known() {
    let server = server(Wire::Http1);
    let (recorder, context) = recorded(Wire::Http1);
    let dead_port = RefusedPort::new();
    let dead = dead_port.addr();
    let ((), report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        client.get(server.url("/reset/0")).send().await.unwrap_err();
        client
            .get(format!("http://{dead}/"))
            .send()
            .await
            .unwrap_err();
        client
            .get("http://no.such.host.invalid/")
            .send()
            .await
            .unwrap_err();
        Ok(())
    })
    .await;
    let outcomes = recorder.all(|fact| match fact {
        Fact::PlainRequestEnded {
            outcome, origin, ..
        } => Some((origin.clone(), *outcome)),
        _ => None,
    });
    let at = |address| format!("http://{address}");
    let ended = [
        (at(server.addr().to_string()), Err(ErrorKind::ResponseEnded)),
        (at(dead.to_string()), Err(ErrorKind::Connection)),
        (
            at("no.such.host.invalid:80".into()),
            Err(ErrorKind::NameResolution),
        ),
    ];
    assert_eq!(outcomes, ended);
    assert_eq!(report.plain_requests, 3);
    let failed = recorder.all(|fact| match fact {
        Fact::PlainConnectFailed { kind, .. } => Some(*kind),
        _ => None,
    });
    assert_eq!(failed, [ErrorKind::Connection, ErrorKind::NameResolution]);
    let looked_up = recorder.all(|fact| match fact {
        Fact::PlainNameResolved { lookup, .. } => Some(lookup.addresses),
        _ => None,
    });
    assert_eq!(looked_up, [None]);
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_counted() {
    let server = server(Wire::Http1);
    let (_, context) = checked(Wire::Http1);
    let ((), report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        // A body that cannot be sent again.
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>("piece")]);
        let streamed = client
            .post(server.url("/upload"))
            .body(reqwest::Body::wrap_stream(stream));
        streamed.send().await?.text().await?;
        // One that nobody waits for any more.
        let cancelled = tokio::spawn(client.get(server.url("/slow-head")).send());
        server.wait_until(|counts| counts.held == 1).await;
        cancelled.abort();
        cancelled.await.unwrap_err();
        // One whose time is over.
        let late = client
            .get(server.url("/never"))
            .timeout(std::time::Duration::from_millis(30));
        assert!(late.send().await.unwrap_err().is_timeout());
        client.get(server.url("/ok")).send().await?.text().await?;
        Ok(())
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.plain_requests, server.counts().requests), (1, 4));
}

#[tokio::test]
async fn callers_are_told_apart_where_they_await_what_they_send() {
    let server = server(Wire::Http1);
    let (_, context) = checked(Wire::Http1);
    let ((), report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        for (name, times) in [("one", 2), ("other", 3)] {
            let all = async {
                for _ in 0..times {
                    get(&client, server.url("/ok")).await?;
                }
                Ok::<_, reqwest::Error>(())
            };
            caller(name).scope(all).await?;
        }
        // A task of an SDK's own is in nobody's scope.
        let own = get(&client, server.url("/ok"));
        caller("one").scope(async { drop(own) }).await;
        let alone = tokio::spawn(client.get(server.url("/ok")).send());
        caller("one").scope(alone).await??.bytes().await?;
        Ok(())
    })
    .await;
    let callers = report.callers.iter().map(|one| {
        let name = one.caller.name();
        (name, one.plain_requests, one.connections_opened)
    });
    assert_eq!(
        callers.collect::<Vec<_>>(),
        [("one", 2, 1), ("other", 3, 0)]
    );
    assert_eq!((report.plain_requests, report.connections_opened), (6, 1));
}
