//! What is exported of plain clients is what the server counts, and nothing that nobody has seen.

use std::time::Duration;

use futures_util::future::join_all;
use http_context::{CloseReason, http_session};
use http_context_middleware::ConnectionState;
use http_context_tests::{RefusedPort, SEES_SOCKETS, Server, sockets};

use crate::rig::{Exported, Rig, Wire};
use crate::{BoxError, get, server};

const OPEN: &str = "http_client_open_connections";
const SOURCES: &str = "http_context_request_connections_total";
const CREATED: &str = "http_context_connection_create_duration_seconds";

fn in_state(exported: &Exported, state: ConnectionState) -> i64 {
    exported.sum(OPEN, &[("http_connection_state", state.as_str())])
}

fn of_source(exported: &Exported, source: &str) -> i64 {
    exported.sum(SOURCES, &[("source", source)])
}

#[tokio::test]
async fn connections_are_open_and_answers_came_over_unknown_ones() {
    for wire in Wire::ALL {
        let (server, rig) = (server(wire), Rig::new(wire));
        let work = rig.context().open(async {
            let session = http_session()?;
            let client = session.reqwest_client()?;
            let all = (0..5).map(|_| get(&client, server.url("/ok")));
            for text in join_all(all).await {
                assert_eq!(text?, "ok");
            }
            session.get(server.url("/ok")).send().await?.bytes().await?;
            // One that was made for a request which another one served may be about to be known.
            let is_known = |exported: &Exported| {
                let counts = server.counts();
                // Where no closes are seen, one that HTTP/2 has no use for is open until the exit.
                if SEES_SOCKETS {
                    i64::try_from(counts.open()) == Ok(exported.open_connections())
                } else {
                    i64::try_from(counts.accepted) == Ok(exported.opened())
                }
            };
            let exported = rig.wait_until(is_known).await;
            let open = exported.open_connections();
            let plain = in_state(&exported, ConnectionState::Unknown);
            assert_eq!(plain, open - 1, "{wire:?} {exported}");
            let ledger = rig.instrumentation.ledger().connections();
            let unknown = ledger
                .iter()
                .filter(|one| one.state == ConnectionState::Unknown);
            assert_eq!(i64::try_from(unknown.count())?, plain);
            Ok::<_, BoxError>(())
        });
        let (result, report) = work.with_report().await;
        result.unwrap();
        assert!(report.unwrap().is_clean());
        let exported = rig
            .wait_until(|exported| exported.open_connections() == 0)
            .await;
        let counts = server.counts();
        let heads = of_source(&exported, "new") + of_source(&exported, "unknown");
        assert_eq!(
            (heads, of_source(&exported, "reused")),
            (i64::try_from(counts.heads).unwrap(), 0)
        );
        assert_eq!(of_source(&exported, "unknown"), 5, "{wire:?}");
        let accepted = i64::try_from(counts.accepted).unwrap();
        assert_eq!(exported.opened(), accepted, "{wire:?} {exported}");
        // Of requests that nobody saw begin, and of what a connection carried, nothing is said.
        assert_eq!(
            exported.count("http_client_request_duration_seconds", &[]),
            1
        );
        assert_eq!(exported.count("http_context_connection_requests", &[]), 1);
        assert_eq!(exported.closed(CloseReason::IdleTimeout), 0);
    }
}

#[tokio::test]
async fn connects_and_lookups_that_fail_are_exported_with_their_kind() {
    let (rig, refused) = (Rig::new(Wire::Http1), RefusedPort::new());
    let work = rig.context().open(async {
        let client = http_session()?.reqwest_client()?;
        get(&client, format!("http://{}/", refused.addr()))
            .await
            .unwrap_err();
        get(&client, "http://no.such.host.invalid/".into())
            .await
            .unwrap_err();
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    for kind in ["connection_error", "name_resolution_error"] {
        let of_kind = [("error_type", kind)];
        assert_eq!(exported.count(CREATED, &of_kind), 1, "{exported}");
    }
    assert_eq!(exported.count("dns_lookup_duration_seconds", &[]), 1);
    assert_eq!(exported.sum(SOURCES, &[]), 0, "nothing was answered");
}

#[tokio::test]
async fn connections_that_the_server_closes_are_told_as_its_own() {
    let (server, rig) = (Server::start(), Rig::new(Wire::Http1));
    let work = rig.context().open(async {
        let client = http_session()?.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        server.close_idle();
        // Its task has read the end.
        sockets::wait_until(server.addr(), 0).await;
        get(&client, server.url("/ok")).await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let exported = rig
        .wait_until(|exported| exported.open_connections() == 0)
        .await;
    let expected = if SEES_SOCKETS { (1, 1, 0) } else { (0, 0, 2) };
    let closed = |reason| exported.closed(reason);
    let found = (
        closed(CloseReason::Remote),
        closed(CloseReason::SessionClosed),
        closed(CloseReason::Unknown),
    );
    assert_eq!(found, expected, "{exported}");
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows when they close")]
async fn why_this_side_closes_one_is_not_guessed_once_it_may_have_been_idle_for_too_long() {
    let (server, rig) = (Server::start(), Rig::new(Wire::Http1));
    let context = rig.context().keep_alive(Duration::from_millis(20));
    let work = context.open(async {
        let client = http_session()?.reqwest_client()?;
        get(&client, server.url("/ok")).await?;
        server.wait_until(|counts| counts.open() == 0).await;
        // While the session is open.
        let is_told = |exported: &Exported| exported.closed(CloseReason::Unknown) == 1;
        rig.wait_until(is_told).await;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}
