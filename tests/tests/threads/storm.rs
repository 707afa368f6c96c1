//! Everything at once, for many contexts, and every fact fits those before it.

use std::sync::Arc;

use http_context::{ContextBuilder, HttpVersions, SessionPool, builder};
use http_context_tests::{Books, Server, ServerBuilder, Storm};

/// How many contexts are opened where no number is asked for.
const ROUNDS: u64 = 1_000;

/// Contexts at once.
const AT_ONCE: u64 = 4;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// A storm over contexts that these books observe, and that maybe share a pool.
struct Rig {
    name: &'static str,
    books: Arc<Books>,
    context: ContextBuilder,
    pool: Option<SessionPool>,
}

impl Rig {
    fn new(name: &'static str) -> Self {
        let books = Arc::new(Books::new());
        Self {
            name,
            context: builder().observer(books.clone()),
            books,
            pool: None,
        }
    }

    async fn storm(self, server: ServerBuilder) {
        let asked = number("STORM_ROUNDS");
        let rounds = asked.unwrap_or(ROUNDS);
        let seed = number("STORM_SEED");
        let seed = seed.unwrap_or_else(|| asked.map_or(0, |_| std::process::id().into()));
        if asked.is_some() {
            println!("{}: {rounds} contexts, STORM_SEED={seed}", self.name);
        }
        let server = server.start();
        let storms: Vec<_> = (0..AT_ONCE)
            .map(|nth| {
                let mut storm = Storm::new(&server, (seed * AT_ONCE + nth) << 1);
                let context = self.context.clone();
                tokio::spawn(async move {
                    for _ in 0..rounds / AT_ONCE {
                        storm.round(context.clone()).await;
                    }
                })
            })
            .collect();
        for storm in storms {
            storm.await.unwrap();
        }
        let totals = self.books.settled().await;
        // Some are aborted before they are opened.
        assert!(totals.contexts > rounds / 2, "{totals:?}");
        assert!(totals.requests_answered > rounds, "{totals:?}");
        let known = totals.answered_new + totals.answered_reused;
        assert_eq!(totals.requests_answered, known, "{totals:?}");
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
async fn with_a_pool_every_fact_fits() {
    let mut rig = Rig::new("a pool");
    let pool = SessionPool::builder().session(rig.context.clone());
    let pool = pool.max_size(3).build();
    rig.context = rig.context.pool(pool.clone());
    rig.pool = Some(pool);
    rig.storm(Server::builder().http1()).await;
}
