//! Thousands of requests of every sort at once, and every count equal to the last one.

use std::time::Duration;

use http_context::{OpenError, http_session};
use http_context_tests::{SEES_SOCKETS, Server, sockets};

use crate::rig::{Rig, Wire};

const TASKS: u64 = 32;
const ROUNDS: u64 = 40;

/// One of the ways in which a request can go. A server may end an HTTP/2 connection that sees many
/// resets, and with it requests that could have gone well: how each ends is for the counts to say.
async fn request(server: &Server, kind: u64) {
    let session = http_session().unwrap();
    let get = |path: &str| session.get(server.url(path)).send();
    let read = async |path: &str| {
        if let Ok(response) = get(path).await {
            drop(response.bytes().await);
        }
    };
    match kind % 10 {
        0 => read("/bytes/5000").await,
        1 => read("/chunked/5/100").await,
        2 => read("/redirect/2").await,
        3 => drop(get("/status/503").await),
        4 => read("/close").await,
        // A body that is let go of.
        5 => drop(get("/bytes/200000").await),
        // A time limit.
        6 => {
            let request = session.get(server.url("/never"));
            let request = request.timeout(Duration::from_millis(5));
            request.send().await.unwrap_err();
        }
        // A future that is dropped, wherever it is.
        7 => {
            let request = get("/ok");
            let _ = tokio::time::timeout(Duration::from_micros(kind * 7 % 900), request).await;
        }
        8 => {
            let request = session.post(server.url("/upload")).body(vec![0; 2000]);
            if let Ok(response) = request.send().await {
                drop(response.bytes().await);
            }
        }
        // A task that is aborted.
        _ => {
            let url = server.url("/never");
            let task = http_context::spawn(async move {
                http_session().unwrap().get(url).send().await.map(drop)
            });
            tokio::task::yield_now().await;
            task.abort();
            let _ = task.await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_requests_are_exported_as_the_server_and_the_kernel_saw_them() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let rig = Rig::new(wire);
        let (result, report) = rig
            .context()
            .open(async {
                let tasks = (0..TASKS).map(|task| {
                    let server = &server;
                    async move {
                        for round in 0..ROUNDS {
                            let kind = task * ROUNDS + round;
                            // HTTP/2 has no `Connection: close`.
                            if !(wire.is_http2() && kind % 10 == 4) {
                                request(server, kind).await;
                            }
                        }
                    }
                });
                futures_util::future::join_all(tasks).await;
                // What the kernel holds, once everything has settled.
                server.wait_until(|counts| counts.in_flight() == 0).await;
                if SEES_SOCKETS {
                    rig.wait_until(|exported| {
                        let held = sockets::to(server.addr()).len();
                        exported.open_connections() == i64::try_from(held).unwrap()
                    })
                    .await;
                }
                Ok::<_, OpenError>(())
            })
            .with_report()
            .await;
        result.unwrap();
        let report = report.unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert!(report.is_clean(), "{report}");
        let ends = exported.ends();
        let started = i64::try_from(report.requests).unwrap();
        assert_eq!(
            ends.answered + ends.failed + ends.cancelled,
            started,
            "{exported}"
        );
        assert_eq!(
            exported.opened(),
            i64::try_from(report.connections_opened).unwrap()
        );
        let reused = exported.sum(
            "http_context_request_connections_total",
            &[("source", "reused")],
        );
        // A redirect comes over a connection as well, and reaches nobody.
        let hops = exported.sum("http_context_redirects_total", &[]);
        let all_reused = i64::try_from(report.connections_reused).unwrap();
        assert!((reused..=reused + hops).contains(&all_reused), "{exported}");
        assert_eq!(
            exported.sum(
                "http_context_request_connections_total",
                &[("source", "unknown")]
            ),
            0
        );
        // A head may be sent to one who has left.
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        let heads = i64::try_from(counts.heads).unwrap();
        assert!(
            ends.answered + hops <= heads,
            "{wire:?} {counts:?} {exported}"
        );
        let may_have_left = ends.cancelled + ends.failed;
        assert!(
            heads <= ends.answered + hops + may_have_left,
            "{wire:?} {counts:?} {exported}"
        );
        // A connection that was accepted and given up before it was ready is not open.
        assert!(exported.opened() <= i64::try_from(counts.accepted).unwrap());
        if !wire.is_http2() {
            let status = |status| {
                exported.count(
                    "http_client_request_duration_seconds",
                    &[("http_response_status_code", status)],
                )
            };
            let of_kind = i64::try_from(TASKS * ROUNDS / 10).unwrap();
            assert_eq!(status("503"), of_kind);
            let timeouts = [("error_type", "timeout")];
            assert_eq!(
                exported.count("http_client_request_duration_seconds", &timeouts),
                of_kind
            );
        }
    }
}
