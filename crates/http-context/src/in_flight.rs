//! The requests and bodies of a context that have not ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;

use crate::exchange::Exchange;

/// Every request from its admission to the end of its body.
///
/// Whether a session still admits requests is decided under this lock, so that none can slip in
/// behind an exit that has begun.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<Slab<Arc<Exchange>>>);

impl InFlight {
    /// Admits one more request, if `is_open` says so under the lock.
    pub(crate) fn admit(
        &self,
        is_open: impl FnOnce() -> bool,
        exchange: impl FnOnce(usize) -> Exchange,
    ) -> Option<Arc<Exchange>> {
        let mut live = self.lock();
        if !is_open() {
            return None;
        }
        let entry = live.vacant_entry();
        let exchange = Arc::new(exchange(entry.key()));
        entry.insert(Arc::clone(&exchange));
        Some(exchange)
    }

    /// Runs `f` while nothing can be admitted.
    pub(crate) fn barrier<R>(&self, f: impl FnOnce() -> R) -> R {
        let _live = self.lock();
        f()
    }

    /// Takes one out; says whether it was the last.
    pub(crate) fn remove(&self, key: usize) -> bool {
        let mut live = self.lock();
        let removed = live.try_remove(key);
        let is_empty = live.is_empty();
        drop(live);
        // Dropped outside the lock: what it holds may run foreign code.
        drop(removed);
        is_empty
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Those that are live now, to be told as leaked. One that leaves afterwards sees that it was.
    pub(crate) fn tell_live(&self) -> Vec<Arc<Exchange>> {
        let live = self.lock();
        live.iter()
            .map(|(_, exchange)| {
                exchange.set_told();
                Arc::clone(exchange)
            })
            .collect()
    }

    /// Those that are live now.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Exchange>> {
        self.lock()
            .iter()
            .map(|(_, exchange)| Arc::clone(exchange))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Exchange>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
