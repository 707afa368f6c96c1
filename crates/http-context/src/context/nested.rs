//! How often `open` was called inside a context.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often `open` was called inside a context, until its exit began.
#[derive(Debug, Default)]
pub(crate) struct NestedOpens(AtomicU64);

impl NestedOpens {
    /// Set from the exit on, when nothing is counted any more.
    const CLOSED: u64 = 1 << 63;

    /// Counts one more. Returns whether it came before the exit.
    pub(crate) fn note(&self) -> bool {
        let is_counted = self.0.fetch_add(1, Ordering::Relaxed) & Self::CLOSED == 0;
        if !is_counted {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
        is_counted
    }

    /// Counts no more. Returns how many there were.
    pub(crate) fn close(&self) -> u64 {
        self.0.fetch_or(Self::CLOSED, Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed) & !Self::CLOSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_exit_is_not_counted() {
        let opens = NestedOpens::default();
        assert!(opens.note() && opens.note());
        assert_eq!(opens.close(), 2);
        assert!(!opens.note());
        assert_eq!(opens.count(), 2);
    }
}
