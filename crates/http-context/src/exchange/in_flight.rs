//! What is in flight: entered once, taken out once.

use std::sync::Arc;

use slab::Slab;

use crate::sync::Mutex;

/// Every request from its admission to the end of its body.
///
/// Whether a session still admits requests is decided under this lock, so that none can slip in
/// behind an exit that has begun. The lock of an exchange's stage is taken under it; nothing of a
/// user runs under it.
pub(super) struct InFlight<T>(Mutex<Slab<Arc<T>>>);

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> InFlight<T> {
    /// Enters one more, if `is_open` says so under the lock.
    #[inline]
    pub(super) fn admit(
        &self,
        is_open: impl FnOnce() -> bool,
        entry: impl FnOnce(usize) -> T,
    ) -> Option<Arc<T>> {
        let mut live = self.0.lock();
        if !is_open() {
            return None;
        }
        let vacant = live.vacant_entry();
        let entry = Arc::new(entry(vacant.key()));
        vacant.insert(Arc::clone(&entry));
        Some(entry)
    }

    /// Runs `f` while nothing can be admitted.
    pub(super) fn barrier<R>(&self, f: impl FnOnce() -> R) -> R {
        let _live = self.0.lock();
        f()
    }

    /// Takes one out. Returns whether it was the last.
    pub(super) fn remove(&self, key: usize) -> bool {
        let mut live = self.0.lock();
        let removed = live.try_remove(key);
        let is_empty = live.is_empty();
        drop(live);
        // Dropped outside the lock: what it holds may run foreign code.
        drop(removed);
        is_empty
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// What `of` makes of each that is live now, before any of them can be taken out.
    pub(super) fn map<R>(&self, of: impl Fn(&Arc<T>) -> R) -> Vec<R> {
        self.0.lock().iter().map(|(_, entry)| of(entry)).collect()
    }
}
