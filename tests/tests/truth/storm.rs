//! Children of contexts that do everything at once, on several threads, and what is exported in the
//! end.

use http_context_tests::{Server, Storm};

use crate::rig::{Rig, Wire};

/// Contexts at once, and after one another.
const AT_ONCE: u64 = 4;
const ROUNDS: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_threads_do_at_once_everything_exported_fits_in_the_end() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let rig = Rig::new(wire);
        let storms = (0..AT_ONCE).map(|seed| {
            let (mut storm, context) = (Storm::new(&server, seed << 1), rig.context());
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    storm.round(context.clone()).await;
                }
            })
        });
        for storm in storms.collect::<Vec<_>>() {
            storm.await.unwrap();
        }
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        let exported = rig
            .wait_until(|exported| {
                let gauges = [
                    "http_client_active_requests",
                    "http_client_open_connections",
                    "http_context_contexts_active",
                ];
                let open = |gauge: &&str| exported.sum(gauge, &[]) != 0;
                !gauges.iter().any(|gauge| open(&gauge)) && leaks_open(exported) == 0
            })
            .await;
        exported.assert_sound();
        let unknown = [("source", "unknown")];
        assert_eq!(
            exported.sum("http_context_request_connections_total", &unknown),
            0,
            "{exported}"
        );
        let ends = exported.ends();
        assert!(ends.answered > 100 && ends.failed > 50 && ends.cancelled > 20);
        let requests = i64::try_from(counts.requests).unwrap();
        assert!(requests <= ends.answered + ends.failed + ends.cancelled);
        assert!(exported.opened() <= i64::try_from(counts.accepted).unwrap());
    }
}

/// Leaks that were not let go. A use after the exit has nothing to let go.
fn leaks_open(exported: &crate::rig::Exported) -> i64 {
    let open = |labels| exported.sum("http_context_leaks_open", labels);
    open(&[]) - open(&[("kind", "use_after_exit")])
}
