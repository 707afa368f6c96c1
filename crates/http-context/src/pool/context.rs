//! A context's dealings with its pool.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::manager::PooledSession;
use super::{CheckedOut, CheckingOut, Checkout, PoolCloseReason, PoolError};
use crate::context::HttpContext;
use crate::error::BuildError;
use crate::observer::SessionSource;
use crate::transport::Transport;

impl HttpContext {
    /// Takes a place in its pool, if it has none because it waited in vain when it was opened.
    pub(crate) fn ensure_checkout(&self) -> Result<(), PoolError> {
        let Some(pool) = &self.inner().config.pool else {
            return Ok(());
        };
        if self.is_closed() || lock(&self.inner().checkout).is_some() {
            return Ok(());
        }
        let taken = pool.try_checkout_or_tell()?;
        let mut checkout = lock(&self.inner().checkout);
        if checkout.is_none() {
            *checkout = Some(Box::new(taken));
        } else {
            drop(checkout);
            taken.give_back();
        }
        Ok(())
    }

    /// What carries the session: of the pool, or its own. Called with the context open, and so with
    /// a place if there is a pool.
    pub(crate) fn check_transport_out(&self) -> Result<CheckedOut, BuildError> {
        if self.inner().config.pool.is_none() {
            let transport = Transport::build(&self.inner().config, self.observer())?;
            return Ok(CheckedOut {
                transport: Arc::new(transport),
                source: SessionSource::Created,
                built_in: None,
            });
        }
        let mut checkout = lock(&self.inner().checkout);
        checkout
            .as_mut()
            .expect("an open context of a pool has its place")
            .transport()
    }

    /// Tells that a session was built for its place in the pool.
    pub(crate) fn tell_pool_created(&self, took: Duration) {
        if let Some(pool) = &self.inner().config.pool {
            pool.tell_created(took);
        }
    }

    /// Takes a place in its pool; or gives the wait for one.
    pub(crate) fn begin_checkout(&self) -> Option<CheckingOut> {
        let pool = self.inner().config.pool.as_ref()?;
        match pool.try_checkout() {
            Ok(checkout) => {
                self.put_checkout(checkout);
                None
            }
            Err(_) => Some(pool.clone().checkout()),
        }
    }

    pub(crate) fn put_checkout(&self, checkout: Checkout) {
        *lock(&self.inner().checkout) = Some(Box::new(checkout));
    }

    pub(crate) fn take_checkout(&self) -> Option<Box<Checkout>> {
        lock(&self.inner().checkout).take()
    }

    /// Takes the session of a pool out of its place, to be closed early and not handed on.
    pub(crate) fn take_pooled_session(&self) -> Option<PooledSession> {
        lock(&self.inner().checkout)
            .as_mut()
            .and_then(|checkout| checkout.take_session())
    }

    /// Closes a session that was taken out of its place.
    pub(crate) fn close_pooled_session(&self, taken: Option<PooledSession>) {
        if let (Some(taken), Some(pool)) = (taken, &self.inner().config.pool) {
            pool.close_session(taken, PoolCloseReason::ClosedEarly);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
