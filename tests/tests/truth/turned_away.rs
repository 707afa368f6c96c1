//! Requests that their caller, or the exit of their context, did not wait for.

use std::time::Duration;

use http_context::{OpenError, http_session};
use http_context_tests::{BY_ITS_SESSION, Server};

use crate::rig::{Ends, Rig, Wire};

#[tokio::test]
async fn whoever_turns_away_is_exported_as_cancelled() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                // A future that is dropped.
                let request = session.get(server.url("/never")).send();
                tokio::select! {
                    _ = request => unreachable!("it never answers"),
                    _ = server.wait_until(|counts| counts.held == 1) => {}
                }
                server.wait_until(|counts| counts.held == 0).await;
                // A task that is aborted.
                let url = server.url("/never");
                let task = http_context::spawn(async move {
                    http_session().unwrap().get(url).send().await.unwrap();
                });
                server.wait_until(|counts| counts.held == 1).await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        let cancelled = Ends {
            cancelled: 2,
            ..Ends::default()
        };
        assert_eq!(exported.ends(), cancelled, "{wire:?} {exported}");
        exported.assert_sound();
        if !wire.is_http2() {
            let closed = exported.closed_here(wire, BY_ITS_SESSION);
            assert_eq!(closed, 2, "each closes its connection: {exported}");
        }
    }
}

#[tokio::test]
async fn only_what_an_exit_cuts_off_is_exported_as_aborted() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let aborted = || {
            rig.exported()
                .sum("http_context_requests_aborted_total", &[])
        };
        let context = rig.context().drain_timeout(Duration::ZERO);
        let closes_its_session = context.clone().open(async {
            let session = http_session().unwrap();
            let body = session.get(server.url("/slow-body")).send().await.unwrap();
            let request = session.get(server.url("/never")).send();
            let close = async {
                server.wait_until(|counts| counts.held == 2).await;
                session.close();
            };
            let (request, ()) = tokio::join!(request, close);
            assert!(request.unwrap_err().is_session_closed());
            body.bytes().await.unwrap_err();
            Ok::<_, OpenError>(())
        });
        closes_its_session.await.unwrap();
        assert_eq!(aborted(), 0, "{wire:?}");
        let leaves_a_body = context.open(async {
            let session = http_session().unwrap();
            let read = session.get(server.url("/ok")).send().await.unwrap();
            read.bytes().await.unwrap();
            let body = session.get(server.url("/slow-body")).send().await;
            Ok::<_, OpenError>(body.unwrap())
        });
        let left = leaves_a_body.await.unwrap();
        assert_eq!(aborted(), 1, "{wire:?}");
        left.bytes().await.unwrap_err();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
    }
}

#[tokio::test]
async fn what_a_scope_leaves_when_it_panics_or_is_dropped_is_exported() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let (context, url) = (rig.context(), server.url("/never"));
        let panicking = tokio::spawn(context.clone().open(async move {
            let child = http_context::spawn(async move {
                http_session().unwrap().get(url).send().await.map(drop)
            });
            tokio::task::yield_now().await;
            assert!(child.is_finished(), "on purpose");
            Ok::<_, OpenError>(())
        }));
        assert!(panicking.await.unwrap_err().is_panic());
        let url = server.url("/never");
        let dropped = context.open(async {
            http_session().unwrap().get(url).send().await.unwrap();
            Ok::<_, OpenError>(())
        });
        tokio::select! {
            _ = dropped => unreachable!("it never answers"),
            _ = server.wait_until(|counts| counts.held == 1) => {}
        }
        let exported = rig
            .wait_until(|e| e.open_connections() == 0 && e.ends().failed == 1)
            .await;
        let outcome =
            |outcome| exported.sum("http_context_contexts_total", &[("outcome", outcome)]);
        assert_eq!(
            (outcome("panicked"), outcome("cancelled")),
            (1, 1),
            "{exported}"
        );
        let ends = Ends {
            failed: 1,
            cancelled: 1,
            ..Ends::default()
        };
        assert_eq!(exported.ends(), ends, "{exported}");
        assert_eq!(exported.sum("http_context_requests_aborted_total", &[]), 1);
        exported.assert_sound();
    }
}
