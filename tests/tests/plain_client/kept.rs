//! A client that is kept, or a body of it, ends with its session, and is told as leaked.

use std::time::Duration;

use http_context::{HeldSocket, LeakKind, SessionError, http_session};
use http_context_tests::{Server, sockets};

use crate::rig::Wire;
use crate::{CLIENT_AND_CONNECTION, checked, get, is_session_closed, kinds, run, server};

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_client_that_is_kept_sends_nothing_any_more_and_is_told_with_its_place() {
    for wire in Wire::ALL {
        let (server, other) = (server(wire), server(wire));
        let (invariants, context) = checked(wire);
        let line = line!() + 2;
        let (kept, report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            get(&client, server.url("/ok")).await?;
            Ok(client.clone())
        })
        .await;
        // Its idle connection is gone with the session, whoever keeps it.
        assert_eq!(sockets::to(server.addr()), [], "{wire:?}");
        assert_eq!(kinds(&report), CLIENT_AND_CONNECTION, "{wire:?}: {report}");
        for leak in &report.leaks {
            assert_eq!(leak.acquired_at.unwrap().line(), line, "{leak}");
        }
        let socket = report.leaks.iter().find_map(|leak| leak.socket);
        assert_eq!(socket, Some(HeldSocket::Cut));
        assert!(report.exit_duration < Duration::from_secs(1), "{report:?}");
        for server in [&server, &other] {
            let requests = server.counts().requests;
            let refused = get(&kept, server.url("/ok")).await.unwrap_err();
            assert!(is_session_closed(&refused), "{wire:?}: {refused:?}");
            assert_eq!(server.counts().requests, requests, "{wire:?}");
        }
        drop(kept);
        invariants.settled().await;
    }
}

#[tokio::test]
async fn a_client_that_is_dropped_a_moment_after_the_work_is_no_leak() {
    let server = Server::start();
    let (_, context) = checked(Wire::Http1);
    let ((), report) = run(&context, async |session| {
        let client = session.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        // As an SDK has it in a task of its own.
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(client);
        });
        Ok(())
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(sockets::to(server.addr()), []);
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_body_that_is_kept_is_cut_off_and_told() {
    for wire in Wire::ALL {
        let server = server(wire);
        let (invariants, context) = checked(wire);
        let (mut body, report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            let mut response = client.get(server.url("/slow-body")).send().await?;
            assert_eq!(response.chunk().await?.unwrap(), "first");
            Ok(response)
        })
        .await;
        assert_eq!(
            kinds(&report),
            [(LeakKind::Connection, 1)],
            "{wire:?}: {report}"
        );
        assert_eq!(report.leaks[0].socket, Some(HeldSocket::Cut));
        assert!(report.leaks[0].acquired_at.is_some());
        assert!(report.exit_duration < Duration::from_secs(1), "{report:?}");
        assert_eq!(sockets::to(server.addr()), []);
        body.chunk().await.unwrap_err();
        drop(body);
        invariants.settled().await;
    }
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_request_that_is_under_way_at_the_exit_is_cut_off_and_told() {
    for wire in Wire::ALL {
        let server = server(wire);
        let (invariants, context) = checked(wire);
        let (request, report) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            let request = tokio::spawn(client.get(server.url("/slow-head")).send());
            server.wait_until(|counts| counts.held == 1).await;
            Ok(request)
        })
        .await;
        assert_eq!(kinds(&report), CLIENT_AND_CONNECTION, "{wire:?}: {report}");
        request.await.unwrap().unwrap_err();
        assert_eq!(
            (report.plain_requests, sockets::to(server.addr())),
            (0, vec![])
        );
        invariants.settled().await;
    }
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_session_that_is_closed_early_takes_its_client_with_it_and_the_next_has_its_own() {
    let server = Server::start();
    let (invariants, context) = checked(Wire::Http1);
    let ((), report) = run(&context, async |session| {
        let first = session.reqwest_client()?;
        get(&first, server.url("/ok")).await?;
        let mut body = first.get(server.url("/slow-body")).send().await?;
        body.chunk().await?;
        session.close();
        // Otherwise it hangs.
        let ended = tokio::time::timeout(Duration::from_secs(20), body.chunk());
        ended.await?.unwrap_err();
        let refused = get(&first, server.url("/ok")).await.unwrap_err();
        assert!(is_session_closed(&refused), "{refused:?}");
        let closed = session.reqwest_client().unwrap_err();
        assert!(matches!(closed, SessionError::SessionClosed(_)));
        let next = http_session()?.reqwest_client()?;
        get(&next, server.url("/ok")).await?;
        Ok(())
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.plain_requests, server.counts().requests), (3, 3));
    invariants.settled().await;
}

#[tokio::test]
async fn there_is_one_client_and_every_place_that_asked_for_it_is_named() {
    let server = Server::start();
    let (invariants, context) = checked(Wire::Http1);
    let (kept, report) = run(&context, async |session| {
        let first = session.reqwest_client()?;
        let second = session.reqwest_client()?;
        for client in [&first, &second] {
            get(client, server.url("/ok")).await?;
        }
        assert_eq!(server.counts().accepted, 1, "they share a pool");
        Ok(second)
    })
    .await;
    let clients = report
        .leaks
        .iter()
        .filter(|leak| leak.kind == LeakKind::ClientClone);
    let lines: Vec<_> = clients
        .map(|leak| leak.acquired_at.unwrap().line())
        .collect();
    assert_eq!(lines.len(), 2, "{report}");
    assert_eq!(lines[0].abs_diff(lines[1]), 1, "{report}");
    drop(kept);
    invariants.settled().await;
}
