//! The permit of a pool that a context has from open to exit.

use super::sessions::{SessionOrigin, Sessions};
use crate::error::PoolError;
use crate::facts::PoolCloseReason;
use crate::pool::{CheckingOut, Checkout};

impl Sessions {
    /// Takes a permit if one is free. Otherwise returns the wait for one.
    pub(crate) fn begin_checkout(&self) -> Option<CheckingOut> {
        let SessionOrigin::Pool(pool) = &self.origin else {
            return None;
        };
        match pool.try_checkout() {
            Ok(permit) => {
                self.put_permit(permit);
                None
            }
            Err(_) => Some(pool.clone().checkout()),
        }
    }

    pub(crate) fn put_permit(&self, permit: Checkout) {
        *self.permit.lock() = Some(Box::new(permit));
    }

    /// Whether its session goes back to a pool.
    pub(crate) fn has_permit(&self) -> bool {
        self.permit.lock().is_some()
    }

    pub(crate) fn take_permit(&self) -> Option<Box<Checkout>> {
        self.permit.lock().take()
    }

    /// Takes a permit, if there is none because the context waited in vain when it was opened.
    pub(super) fn ensure_permit(&self) -> Result<(), PoolError> {
        let SessionOrigin::Pool(pool) = &self.origin else {
            return Ok(());
        };
        if self.scope().info.phase.is_closed() || self.permit.lock().is_some() {
            return Ok(());
        }
        let taken = pool.checkout_now()?;
        let mut permit = self.permit.lock();
        if permit.is_none() {
            *permit = Some(Box::new(taken));
        } else {
            drop(permit);
            taken.give_back();
        }
        Ok(())
    }

    /// The exit may have come before the permit did. It is closed and not given back: another task
    /// may have used its session meanwhile, and still do.
    pub(super) fn close_late_permit(&self) {
        if let Some(permit) = self.take_permit() {
            permit.close(PoolCloseReason::Unverified);
        }
    }
}
