//! The place of one context in a pool, from open to exit.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Object;
use tokio::time::Instant;

use super::SessionPool;
use super::manager::{Manager, PooledSession};
use super::status::PoolCloseReason;
use crate::error::BuildError;
use crate::observer::SessionSource;
use crate::transport::Transport;

/// What carries the session of a context.
pub(crate) struct CheckedOut {
    pub(crate) transport: Arc<Transport>,
    pub(crate) source: SessionSource,
    /// How long it took to build for a place in a pool that had none.
    pub(crate) built_in: Option<Duration>,
}

/// A place in a pool. It ends once: given back with its session, or closed; dropped, it is closed.
pub(crate) struct Checkout {
    pool: SessionPool,
    /// Taken at the end.
    object: Option<Object<Manager>>,
    since: Instant,
}

impl Checkout {
    pub(super) fn new(pool: SessionPool, object: Object<Manager>) -> Self {
        pool.0.ledger.became_used();
        Self {
            pool,
            object: Some(object),
            since: Instant::now(),
        }
    }

    pub(super) fn is_warm(&self) -> bool {
        self.object.as_ref().is_some_and(|object| object.is_warm())
    }

    /// The session of this place: the warm one, or one that is built now.
    pub(super) fn transport(&mut self) -> Result<CheckedOut, BuildError> {
        let object = self.object.as_mut().expect("taken at the end only");
        if let Some(transport) = object.transport() {
            return Ok(CheckedOut {
                transport,
                source: SessionSource::Pooled,
                built_in: None,
            });
        }
        let started = Instant::now();
        let transport = Arc::new(self.pool.build()?);
        object.put(Arc::clone(&transport));
        Ok(CheckedOut {
            transport,
            source: SessionSource::Created,
            built_in: Some(started.elapsed()),
        })
    }

    /// Takes the session out to be closed, and keeps the place.
    pub(super) fn take_session(&mut self) -> Option<PooledSession> {
        self.object
            .as_mut()
            .map(|object| std::mem::take(&mut **object))
    }

    /// Gives the place back, with its session for the next context unless that is spent.
    pub(crate) fn give_back(mut self) {
        let Some(mut object) = self.object.take() else {
            return;
        };
        if let Some(reason) = object.spent(&self.pool.0.limits) {
            self.end(object, reason);
            return;
        }
        let is_closed = self.pool.lock_closed();
        if *is_closed || !object.is_warm() {
            drop(is_closed);
            // A place without a session is no use to the next one, who might get it instead of a
            // warm one.
            self.end(object, PoolCloseReason::PoolClosed);
            return;
        }
        let ledger = &self.pool.0.ledger;
        object.became_idle();
        ledger.left_used();
        // Counted before it can be taken out again.
        ledger.became_idle();
        drop(object);
        drop(is_closed);
        self.tell_returned();
    }

    /// Gives the place back and closes its session.
    pub(crate) fn close(mut self, reason: PoolCloseReason) {
        if let Some(object) = self.object.take() {
            self.end(object, reason);
        }
    }

    fn end(&self, object: Object<Manager>, reason: PoolCloseReason) {
        let ledger = &self.pool.0.ledger;
        ledger.left_used();
        // Out of the pool, so that its place is free before its session is closed.
        let mut session: PooledSession = Object::take(object);
        session.close(ledger, reason);
        self.tell_returned();
    }

    fn tell_returned(&self) {
        let used = self.since.elapsed();
        let ledger = &self.pool.0.ledger;
        ledger.tell(|observer, status| observer.pool_returned(status, used));
        ledger.tell_if_over();
        ledger.returned.notify_waiters();
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.end(object, PoolCloseReason::Unverified);
        }
    }
}

impl fmt::Debug for Checkout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkout")
            .field("is_warm", &self.is_warm())
            .finish_non_exhaustive()
    }
}
