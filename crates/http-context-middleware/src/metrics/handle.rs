//! Cached metric handles. Each is registered when its series first occurs.
//!
//! The recorder is called without a lock, so it may record metrics itself. Threads that are first
//! at the same time all register; one handle is cached.

use std::sync::OnceLock;

/// One handle. A series that never occurs is never exported.
#[derive(Debug)]
pub(crate) struct Lazy<H>(OnceLock<H>);

impl<H> Lazy<H> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(crate) fn get_or_take(&self, take: impl FnOnce() -> H) -> &H {
        match self.0.get() {
            Some(handle) => handle,
            None => self.keep(take()),
        }
    }

    #[cold]
    fn keep(&self, handle: H) -> &H {
        self.0.get_or_init(|| handle)
    }
}

impl<H> Default for Lazy<H> {
    fn default() -> Self {
        Self::new()
    }
}

/// The handles of series that differ in one label, by its value. The values are a closed set, so a
/// few slots are enough, and a linear search is cheaper than a hash.
#[derive(Debug)]
pub(crate) struct LazyByLabel<H>([OnceLock<(&'static str, H)>; SLOTS]);

/// More than any closed label of the catalogue has values.
const SLOTS: usize = 16;

impl<H: Clone> LazyByLabel<H> {
    /// The handle for a value; `""` stands for a series without the label.
    pub(crate) fn get_or_take(&self, value: &'static str, take: impl FnOnce() -> H) -> H {
        match self.find(value) {
            Some(handle) => handle.clone(),
            None => self.keep(value, take()),
        }
    }

    fn find(&self, value: &str) -> Option<&H> {
        let known = self.0.iter().map_while(OnceLock::get);
        known
            .into_iter()
            .find_map(|(of, handle)| (*of == value).then_some(handle))
    }

    #[cold]
    fn keep(&self, value: &'static str, handle: H) -> H {
        for slot in &self.0 {
            let (of, kept) = slot.get_or_init(|| (value, handle.clone()));
            if *of == value {
                return kept.clone();
            }
        }
        handle
    }
}

impl<H> Default for LazyByLabel<H> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_registered_once() {
        let lazy = Lazy::new();
        assert_eq!(*lazy.get_or_take(|| 1), 1);
        assert_eq!(*lazy.get_or_take(|| 2), 1);
    }

    #[test]
    fn a_recorder_may_use_the_series_that_it_registers() {
        let lazy = Lazy::new();
        let handle = lazy.get_or_take(|| 1 + *lazy.get_or_take(|| 1));
        assert_eq!(*handle, 1, "the first that was there");

        let by_label = LazyByLabel::default();
        let handle = by_label.get_or_take("a", || 1 + by_label.get_or_take("a", || 1));
        assert_eq!(handle, 1);
    }

    #[test]
    fn each_value_of_a_label_has_its_own_handle() {
        let by_label = LazyByLabel::default();
        for (value, handle) in [("a", 1), ("b", 2), ("", 3)] {
            assert_eq!(by_label.get_or_take(value, || handle), handle);
        }
        for (value, handle) in [("a", 1), ("b", 2), ("", 3)] {
            assert_eq!(by_label.get_or_take(value, || 0), handle);
        }
    }

    #[test]
    fn values_beyond_the_slots_are_registered_each_time() {
        let by_label = LazyByLabel::default();
        let values: Vec<&'static str> = (0..=SLOTS)
            .map(|value| &*value.to_string().leak())
            .collect();
        for (handle, value) in values.iter().enumerate() {
            by_label.get_or_take(value, || handle);
        }
        assert_eq!(by_label.get_or_take(values[SLOTS - 1], || 99), SLOTS - 1);
        assert_eq!(by_label.get_or_take(values[SLOTS], || 99), 99);
    }
}
