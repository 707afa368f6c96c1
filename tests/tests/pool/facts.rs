//! An observer that writes down what it is told about pools.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_context::{
    HttpContext, Observer, PoolBuilder, PoolCloseReason, PoolStatus, SessionId, SessionPool,
    SessionSource, builder,
};

/// The facts, a line each, with the counts (used, idle, waiting) after them.
#[derive(Default)]
pub(crate) struct Facts(Mutex<Vec<String>>);

impl Facts {
    /// A pool whose facts are written down.
    pub(crate) fn of_pool(
        options: impl FnOnce(PoolBuilder) -> PoolBuilder,
    ) -> (SessionPool, Arc<Self>) {
        let facts = Arc::new(Self::default());
        let session = builder().observer(facts.clone());
        let pool = options(SessionPool::builder().session(session)).build();
        (pool, facts)
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// How many of the facts begin like this.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        let facts = self.0.lock().unwrap();
        facts.iter().filter(|f| f.starts_with(beginning)).count()
    }

    fn note(&self, fact: &str, pool: &PoolStatus) {
        let counts = format!("{fact} {}/{}/{}", pool.used, pool.idle, pool.waiting);
        self.0.lock().unwrap().push(counts);
    }
}

impl Observer for Facts {
    fn session_opened(&self, _: &ContextInfo, started: &SessionStarted) {
        self.0
            .lock()
            .unwrap()
            .push(format!("session {}", source.as_str()));
    }

    fn pool_wait_started(&self, pool: &PoolStatus) {
        self.note("wait started", pool);
    }

    fn pool_wait_abandoned(&self, pool: &PoolStatus) {
        self.note("wait abandoned", pool);
    }

    fn pool_timed_out(&self, pool: &PoolStatus, _: &PoolTimeout) {
        self.note("timed out", pool);
    }

    fn pool_checked_out(&self, pool: &PoolStatus, _: &PoolCheckout) {
        let fact = if is_warm {
            "checked out warm"
        } else {
            "checked out"
        };
        self.note(fact, pool);
    }

    fn pool_session_created(&self, pool: &PoolStatus, _: &PoolSessionCreated) {
        self.note("created", pool);
    }

    fn pool_returned(&self, pool: &PoolStatus, _: &PoolReturn) {
        self.note("returned", pool);
    }

    fn pool_session_closed(&self, pool: &PoolStatus, reason: PoolCloseReason) {
        self.note(&format!("closed {}", reason.as_str()), pool);
    }

    fn pool_closed(&self, pool: &PoolStatus) {
        self.note("pool closed", pool);
    }
}
