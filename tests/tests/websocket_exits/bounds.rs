//! How long an exit takes that has a hundred WebSockets.

use std::time::Duration;

use http_context::spawn;
use http_context_tests::{Frame, Step, WebSocketPeer};
use tokio::time::Instant;

use crate::ALONE;
use crate::support::{Wire, context, in_time, open, reported};

const SOCKETS: usize = 100;

#[tokio::test]
async fn an_exit_whose_servers_answer_ends_within_50_ms_of_the_slowest_answer() {
    let _alone = ALONE.lock().await;
    for wire in Wire::ALL {
        let server = wire.server();
        let urls: Vec<_> = (0..SOCKETS)
            .map(|nth| {
                let slow = Step::Wait(Duration::from_millis(nth as u64));
                let peer = WebSocketPeer::opens().then(Step::AwaitClose).then(slow);
                server.serve(peer.sends(&Frame::close(1001, "")))
            })
            .collect();
        let work = reported(
            context()
                .max_connections_per_host(SOCKETS)
                .drain_timeout(Duration::from_secs(15)),
            async {
                for url in &urls {
                    let mut socket = open(url).await;
                    spawn(async move { while socket.next().await.is_some() {} });
                }
            },
        );
        let ((), report) = in_time(work).await;
        let ended = Instant::now();
        assert!(report.is_clean(), "{report}");
        server.wait_until(|counts| counts.open == 0).await;
        let answers = server.seen_all();
        assert_eq!(answers.len(), SOCKETS);
        let slowest = answers
            .iter()
            .map(|seen| seen.answered_at.unwrap())
            .max()
            .unwrap();
        let over = ended.duration_since(slowest);
        println!(
            "{wire:?}: {over:?} over the slowest answer, {:?} in all",
            report.exit_duration
        );
        assert!(over <= Duration::from_millis(50), "{over:?}");
    }
}

#[tokio::test]
async fn an_exit_whose_servers_never_answer_takes_the_drain_and_100_ms_at_most() {
    let _alone = ALONE.lock().await;
    let drain = Duration::from_millis(300);
    for wire in Wire::ALL {
        for is_kept in [false, true] {
            let server = wire.server();
            let url = server.serve(WebSocketPeer::opens().stays());
            let work = reported(
                context()
                    .max_connections_per_host(SOCKETS)
                    .drain_timeout(drain),
                async {
                    let mut kept = Vec::new();
                    for _ in 0..SOCKETS {
                        let mut socket = open(&url).await;
                        if is_kept {
                            kept.push(socket);
                        } else {
                            spawn(async move { while socket.next().await.is_some() {} });
                        }
                    }
                    kept
                },
            );
            let (kept, report) = in_time(work).await;
            println!(
                "{wire:?} {is_kept}: {:?} for a drain of {drain:?}",
                report.exit_duration
            );
            let limit = drain + Duration::from_millis(100);
            assert!(report.exit_duration <= limit, "{report}");
            drop(kept);
            server.wait_until(|counts| counts.open == 0).await;
        }
    }
}
