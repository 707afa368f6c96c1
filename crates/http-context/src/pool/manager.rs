//! What a permit of the pool comes with, and what is refused when it is handed out again.

use std::sync::Arc;

use deadpool::managed::{Metrics, RecycleError, RecycleResult};
use tokio::time::Instant;

use super::Limits;
use super::counts::PoolCounts;
use crate::facts::PoolCloseReason;
use crate::transport::Transport;

/// What a permit comes with: a warm session, or none yet.
#[derive(Default)]
pub(crate) struct PooledSession {
    warm: Option<Warm>,
}

struct Warm {
    transport: Arc<Transport>,
    built: Instant,
    idle_since: Instant,
}

impl PooledSession {
    pub(super) fn transport(&self) -> Option<Arc<Transport>> {
        self.warm.as_ref().map(|warm| Arc::clone(&warm.transport))
    }

    pub(super) fn put(&mut self, transport: Arc<Transport>) {
        let now = Instant::now();
        self.warm = Some(Warm {
            transport,
            built: now,
            idle_since: now,
        });
    }

    pub(super) fn is_warm(&self) -> bool {
        self.warm.is_some()
    }

    pub(super) fn became_idle(&mut self) {
        if let Some(warm) = &mut self.warm {
            warm.idle_since = Instant::now();
        }
    }

    /// Why it must not wait here any longer.
    pub(super) fn expired(&self, limits: &Limits, now: Instant) -> Option<PoolCloseReason> {
        let warm = self.warm.as_ref()?;
        if now.duration_since(warm.built) >= limits.max_lifetime {
            Some(PoolCloseReason::MaxLifetime)
        } else if now.duration_since(warm.idle_since) >= limits.idle_timeout {
            Some(PoolCloseReason::IdleTimeout)
        } else {
            None
        }
    }

    /// Why it must not be handed on after its use.
    pub(super) fn spent(&self, limits: &Limits) -> Option<PoolCloseReason> {
        let warm = self.warm.as_ref()?;
        if warm.built.elapsed() >= limits.max_lifetime {
            Some(PoolCloseReason::MaxLifetime)
        } else if warm.transport.crossed_runtimes() {
            Some(PoolCloseReason::OtherRuntime)
        } else {
            None
        }
    }

    /// Closes its session, if it has one. Sockets that no exit verifies go to the counts.
    pub(super) fn close(&mut self, counts: &PoolCounts, reason: PoolCloseReason) {
        if let Some(warm) = self.warm.take() {
            let opened = &warm.transport.connections;
            let connections = opened.close().then(|| {
                opened.note_closed();
                opened.take()
            });
            drop(warm);
            counts.note_closed(connections.unwrap_or_default());
            counts.notify(|observer, status| observer.pool_session_closed(status, reason));
        }
    }
}

/// Makes permits, which cost nothing, and refuses warm ones that expired or are of another runtime.
pub(super) struct Manager {
    counts: Arc<PoolCounts>,
    limits: Limits,
}

/// Nothing that the manager does can fail.
#[derive(Debug)]
pub(super) enum Never {}

impl Manager {
    pub(super) fn new(counts: Arc<PoolCounts>, limits: Limits) -> Self {
        Self { counts, limits }
    }

    fn refused(&self, session: &PooledSession) -> Option<PoolCloseReason> {
        session.expired(&self.limits, Instant::now()).or_else(|| {
            let is_elsewhere = session
                .transport()
                .is_some_and(|transport| transport.is_of_another_runtime());
            is_elsewhere.then_some(PoolCloseReason::OtherRuntime)
        })
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = PooledSession;
    type Error = Never;

    async fn create(&self) -> Result<PooledSession, Never> {
        Ok(PooledSession::default())
    }

    async fn recycle(&self, session: &mut PooledSession, _: &Metrics) -> RecycleResult<Never> {
        self.counts.left_idle();
        match self.refused(session) {
            None => Ok(()),
            Some(reason) => {
                session.close(&self.counts, reason);
                Err(RecycleError::Message(reason.as_str().into()))
            }
        }
    }
}
