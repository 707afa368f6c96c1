//! Children of contexts that do everything at once, on several threads, and what is exported in the
//! end.

use http_context_tests::{SEES_SOCKETS, Server, storm};

use crate::rig::{Exported, Rig, Wire};

/// How many contexts are opened over each wire.
const CONTEXTS: u64 = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_threads_do_at_once_everything_exported_fits_in_the_end() {
    for wire in Wire::ALL {
        let server = wire.server(Server::builder());
        let rig = Rig::new(wire);
        storm(&format!("{wire:?}"), &server, &rig.context(), CONTEXTS).await;
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        let exported = rig
            .wait_until(|exported| {
                let requests = exported.sum("http_client_active_requests", &[]);
                let contexts = exported.sum("http_context_contexts_active", &[]);
                let open = [requests, contexts, exported.open_connections()];
                open == [0; 3] && leaks_open(exported) == 0
            })
            .await;
        exported.assert_sound();
        let unknown = [("source", "unknown")];
        let unknown = exported.sum("http_context_request_connections_total", &unknown);
        // Where nobody sees closes, connections are taken for closed with their session, and a head that comes
        // at that very moment is of none that is known.
        let sessions = exported.sum("http_context_sessions_total", &[]);
        let most = if SEES_SOCKETS { 0 } else { sessions / 50 };
        assert!(unknown <= most, "{unknown} {exported}");
        let ends = exported.ends();
        assert!(ends.answered > 100 && ends.failed > 50 && ends.cancelled > 20);
        let requests = i64::try_from(counts.requests).unwrap();
        assert!(requests <= ends.answered + ends.failed + ends.cancelled);
        assert!(exported.opened() <= i64::try_from(counts.accepted).unwrap());
    }
}

/// Leaks that were not let go. A use after the exit has nothing to let go.
fn leaks_open(exported: &Exported) -> i64 {
    let open = |labels| exported.sum("http_context_leaks_open", labels);
    open(&[]) - open(&[("kind", "use_after_exit")])
}
