//! A list of what lives in this process.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use slab::Slab;

/// Entries are spread over several lists, so that those who come and go on many threads do not wait
/// for one lock.
const SHARDS: usize = 16;

/// What lives, until its [`Registration`] is dropped. One that is forgotten never takes itself off
/// the list: that is how it is found.
#[derive(Debug)]
pub(crate) struct LiveList<T> {
    /// Each is taken under no other lock, and nothing of a user runs under it.
    shards: [Mutex<Slab<Weak<T>>>; SHARDS],
}

impl<T> LiveList<T> {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Slab::new())),
        }
    }

    /// Enters one; `spread` chooses its shard.
    pub(crate) fn register(&'static self, spread: u64, entry: Weak<T>) -> Registration<T> {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "less than the number of shards"
        )]
        let shard = &self.shards[(spread % SHARDS as u64) as usize];
        let key = shard.lock().insert(entry);
        Registration { shard, key }
    }

    /// All that live now.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        let entries = |shard: &Mutex<Slab<Weak<T>>>| {
            let weak: Vec<_> = shard.lock().iter().map(|(_, weak)| weak.clone()).collect();
            weak
        };
        let weak = self.shards.iter().flat_map(entries);
        // Outside of the locks: an entry that is dropped here may run foreign code.
        weak.filter_map(|weak| weak.upgrade()).collect()
    }
}

/// Where one stands on the list.
#[derive(Debug)]
pub(crate) struct Registration<T: 'static> {
    shard: &'static Mutex<Slab<Weak<T>>>,
    key: usize,
}

impl<T> Drop for Registration<T> {
    fn drop(&mut self) {
        self.shard.lock().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    #[test]
    fn an_entry_stands_on_the_list_until_its_registration_is_dropped() {
        static LIST: LazyLock<LiveList<u8>> = LazyLock::new(LiveList::new);
        let entries = [Arc::new(1), Arc::new(2)];
        let registrations = entries.each_ref().map(|entry| {
            let spread = u64::from(**entry);
            LIST.register(spread, Arc::downgrade(entry))
        });
        assert_eq!(LIST.all(), entries);
        let [first, _second] = registrations;
        drop(first);
        assert_eq!(LIST.all(), [Arc::new(2)]);
    }
}
