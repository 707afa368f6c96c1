//! How long bodies take, and how long their first bytes do, from the start of the request.

use std::time::Duration;

use http_context::{LeakPolicy, OpenError, http_session};
use http_context_tests::Server;
use tokio::time::Instant;

use crate::rig::{Rig, Wire};

const BODY: &str = "http_context_response_body_duration_seconds";
const FIRST: &str = "http_context_response_time_to_first_chunk_seconds";

/// What the server lets pass between two of its steps.
const STEP: Duration = Duration::from_millis(40);

#[expect(
    clippy::disallowed_methods,
    reason = "nothing is waited for: what passes is measured"
)]
async fn pass_time() {
    tokio::time::sleep(STEP).await;
}

#[tokio::test]
async fn each_body_counts_once_by_what_ended_it_and_those_that_are_empty_do_not() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let kept = rig
            .context()
            .leaks(LeakPolicy::Off)
            .drain_timeout(Duration::from_millis(10))
            .open(async {
                let session = http_session().unwrap();
                for path in ["/bytes/100000", "/chunked/50/1000", "/ok"] {
                    let response = session.get(server.url(path)).send().await.unwrap();
                    response.text().await.unwrap();
                }
                for path in ["/status/204", "/bytes/0"] {
                    let response = session.get(server.url(path)).send().await.unwrap();
                    response.bytes().await.unwrap();
                }
                session.head(server.url("/bytes/500")).send().await.unwrap();
                // Dropped unread, and after its first piece.
                let url = server.url("/slow-body");
                drop(session.get(&url).send().await.unwrap());
                let mut response = session.get(&url).send().await.unwrap();
                assert!(response.chunk().await.unwrap().is_some());
                drop(response);
                let mut cut = session.get(&url).send().await.unwrap();
                assert!(cut.chunk().await.unwrap().is_some());
                server.abort_connections();
                cut.chunk().await.unwrap_err();
                Ok::<_, OpenError>(session.get(&url).send().await.unwrap())
            })
            .await
            .unwrap();
        drop(kept);
        let exported = rig.exported();
        let of = |reason| exported.count(BODY, &[("reason", reason)]);
        let counted = ["complete", "dropped", "failed", "aborted"].map(of);
        assert_eq!(counted, [3, 2, 1, 1], "{wire:?} {exported}");
        assert_eq!(exported.count(FIRST, &[]), 5, "{wire:?} {exported}");
        let get = [("http_request_method", "GET")];
        assert_eq!(exported.count(BODY, &get), 7, "{wire:?}");
    }
}

#[tokio::test]
async fn durations_are_those_that_the_server_takes() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let started = Instant::now();
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                let sent = session.get(server.url("/slow-head")).send();
                let answers = async {
                    server.wait_until(|counts| counts.held == 1).await;
                    pass_time().await;
                    server.gate().open();
                };
                let (response, ()) = tokio::join!(sent, answers);
                response.unwrap().text().await.unwrap();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        // The head was slow, and the body was not.
        let (body, first) = (exported.seconds(BODY), exported.seconds(FIRST));
        let total = started.elapsed().as_secs_f64();
        assert!(first >= STEP.as_secs_f64() && first <= total, "{first}");
        assert!(body <= total - STEP.as_secs_f64(), "{body} of {total}");

        let (rig, started) = (Rig::new(wire), Instant::now());
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                let url = server.url("/slow-body/again");
                let mut response = session.get(url).send().await.unwrap();
                assert!(response.chunk().await.unwrap().is_some());
                pass_time().await;
                server.gate_named("again").open();
                while response.chunk().await.unwrap().is_some() {}
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.exported();
        let (body, first) = (exported.seconds(BODY), exported.seconds(FIRST));
        let total = started.elapsed().as_secs_f64();
        assert!(body >= STEP.as_secs_f64() && body <= total, "{body}");
        assert!(first <= total - STEP.as_secs_f64(), "{first} of {total}");
    }
}
