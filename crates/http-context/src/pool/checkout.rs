//! The permit of one context, from open to exit.

use std::sync::Arc;

use deadpool::managed::Object;
use tokio::time::Instant;

use super::SessionPool;
use super::counts::Moving;
use super::manager::{Manager, PooledSession};
use crate::facts::{PoolCloseReason, PoolReturn};
use crate::transport::Transport;

/// A permit of a pool. It ends once: given back with its session, or closed; dropped, it is closed.
pub(crate) struct Checkout {
    pool: SessionPool,
    /// Taken at the end.
    object: Option<Object<Manager>>,
    since: Instant,
}

/// A session that was taken out of its permit, to be closed.
pub(crate) struct TakenSession {
    pub(super) session: PooledSession,
    _moving: Moving,
}

impl Checkout {
    pub(super) fn new(pool: SessionPool, object: Object<Manager>) -> Self {
        pool.0.counts.became_used();
        Self {
            pool,
            object: Some(object),
            since: Instant::now(),
        }
    }

    pub(super) fn is_warm(&self) -> bool {
        self.object.as_ref().is_some_and(|object| object.is_warm())
    }

    /// The warm session that it came with, or that was put into it.
    pub(crate) fn transport(&self) -> Option<Arc<Transport>> {
        self.object.as_ref().and_then(|object| object.transport())
    }

    /// Puts a session into a permit that came without one.
    pub(crate) fn put(&mut self, transport: Arc<Transport>) {
        if let Some(object) = &mut self.object {
            object.put(transport);
        }
    }

    /// Takes the session out to be closed, and keeps the permit.
    pub(crate) fn take_session(&mut self) -> Option<TakenSession> {
        let object = self.object.as_mut()?;
        Some(TakenSession {
            session: std::mem::take(&mut **object),
            _moving: Moving::begin(&self.pool.0.counts),
        })
    }

    /// Gives the permit back, with its session for the next context unless that is spent.
    pub(crate) fn give_back(mut self) {
        let Some(mut object) = self.object.take() else {
            return;
        };
        if let Some(reason) = object.spent(&self.pool.0.limits) {
            self.end(object, reason);
            return;
        }
        let counts = &self.pool.0.counts;
        let closing = self.pool.0.closing.lock();
        if counts.is_closed() || !object.is_warm() {
            drop(closing);
            // A permit without a session is no use to the next context, which might get it instead
            // of a warm one.
            self.end(object, PoolCloseReason::PoolClosed);
            return;
        }
        object.became_idle();
        counts.left_used();
        // Counted before it can be taken out again.
        counts.became_idle();
        drop(object);
        drop(closing);
        self.notify_returned();
    }

    /// Gives the permit back and closes its session.
    pub(crate) fn close(mut self, reason: PoolCloseReason) {
        if let Some(object) = self.object.take() {
            self.end(object, reason);
        }
    }

    fn end(&self, object: Object<Manager>, reason: PoolCloseReason) {
        let counts = &self.pool.0.counts;
        let _moving = Moving::begin(counts);
        counts.left_used();
        // Out of the pool, so that its permit is free before its session is closed.
        let mut session: PooledSession = Object::take(object);
        session.close(counts, reason);
        self.notify_returned();
    }

    fn notify_returned(&self) {
        let returned = PoolReturn {
            used: self.since.elapsed(),
        };
        let counts = &self.pool.0.counts;
        counts.notify(|observer, status| observer.pool_returned(status, &returned));
        counts.returned.notify_waiters();
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.end(object, PoolCloseReason::Unverified);
        }
    }
}
