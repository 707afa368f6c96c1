//! Everything at once, for many contexts, and every fact fits those before it.

use std::sync::Arc;

use http_context::{ContextBuilder, HttpVersions, LeakKind, SessionPool, builder};
use http_context_tests::{
    InvariantObserver, Random, SEES_SOCKETS, Server, ServerBuilder, drawn, sockets, storm,
};

/// How many contexts are opened.
const CONTEXTS: u64 = 1_000;

/// A storm over contexts whose facts are checked, and that maybe share a pool.
struct Rig {
    name: &'static str,
    invariants: Arc<InvariantObserver>,
    context: ContextBuilder,
    pool: Option<SessionPool>,
}

impl Rig {
    fn new(name: &'static str) -> Self {
        let invariants = Arc::new(InvariantObserver::new());
        Self {
            name,
            context: builder().observer(invariants.clone()),
            invariants,
            pool: None,
        }
    }

    async fn storm(self, server: ServerBuilder) {
        let server = server.start();
        let asked = storm(self.name, &server, &self.context, CONTEXTS).await;
        let totals = self.invariants.settled().await;
        // Some are aborted before they are opened.
        assert!(totals.contexts > asked / 2, "{totals:?}");
        assert!(totals.requests_answered > asked, "{totals:?}");
        let known = totals.answered_new + totals.answered_reused;
        if SEES_SOCKETS {
            assert_eq!(totals.requests_answered, known, "{totals:?}");
        } else {
            // A connection is taken for closed with its session: what is answered over it at that
            // moment, on another thread, is on none that is known.
            let unknown = totals.requests_answered - known;
            assert!(unknown * 100 < known, "{totals:?}");
        }
        // Nothing that is done here keeps a socket.
        let sockets = totals.leaks_by_kind.get(&LeakKind::Connection);
        assert_eq!(sockets, None, "{totals:?}");
        if let Some(pool) = self.pool {
            let report = pool.close().await;
            assert!(report.is_clean(), "{report}");
        }
        server.wait_until(|counts| counts.open() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_http1_every_fact_fits() {
    Rig::new("HTTP/1.1").storm(Server::builder().http1()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_http2_every_fact_fits() {
    let mut rig = Rig::new("HTTP/2");
    rig.context = rig.context.http_versions(HttpVersions::Http2);
    rig.storm(Server::builder().http2()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_queue_for_two_connections_every_fact_fits() {
    let mut rig = Rig::new("a queue");
    rig.context = rig.context.max_connections_per_host(2);
    rig.storm(Server::builder().http1()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_pool_every_fact_fits() {
    let mut rig = Rig::new("a pool");
    let pool = SessionPool::builder()
        .session(rig.context.session_options())
        .observer(rig.invariants.clone())
        .max_size(3)
        .build();
    rig.context = rig.context.pool(pool.clone());
    rig.pool = Some(pool);
    rig.storm(Server::builder().http1()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(
    http_context_no_kernel,
    ignore = "nobody shows that a socket is closed, so no exit waits for it"
)]
async fn once_an_exit_was_awaited_no_socket_is_left_whatever_threads_were_at() {
    let (server, mut random) = (Server::start(), Random::new(0));
    // Each asks for every socket of the machine.
    for _ in 0..CONTEXTS / 5 {
        let open = drawn(builder(), &server.url(""), &mut random);
        let ended = tokio::spawn(open.with_report()).await;
        match ended {
            Ok((_, report)) => {
                let held = sockets::to(server.addr());
                assert!(held.is_empty(), "{held:?} after {}", report.unwrap());
            }
            // A panic does not wait for its exit.
            Err(panicked) => {
                assert!(panicked.is_panic());
                sockets::wait_until(server.addr(), 0).await;
            }
        }
    }
}
