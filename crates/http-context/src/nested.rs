//! What an `open` does where a context is already bound.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::ContextId;
use crate::place::Place;

/// What [`open`](crate::open) does where a context is already bound to the task.
///
/// The policy of the *outer* context decides, since it is the one whose session would be shared.
/// Every nested open is counted and told to the observer with both places, whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NestedPolicy {
    /// The work runs in the bound context, which stays as it is when the work ends.
    #[default]
    PassThrough,
    /// As `PassThrough`; observers that log do so as a warning.
    Warn,
    /// The work is not started; the error names the place where the outer context was opened.
    Deny,
    /// The work gets a fresh context, closed when it ends; then the outer one is bound again.
    Isolate,
}

impl NestedPolicy {
    pub(crate) fn passes_through(self) -> bool {
        matches!(self, Self::PassThrough | Self::Warn)
    }

    /// The value of the label `policy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassThrough => "pass_through",
            Self::Warn => "warn",
            Self::Deny => "deny",
            Self::Isolate => "isolate",
        }
    }
}

/// An `open` inside a context, as told to [`Observer::nested_open`](crate::Observer::nested_open).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NestedOpen {
    /// The context that was bound.
    pub outer: ContextId,
    /// Where that context was opened.
    pub outer_place: Place,
    /// Where the nested `open` was called.
    pub inner_place: Place,
    /// What was done.
    pub policy: NestedPolicy,
}

/// How often `open` was called inside a context, until its exit began.
#[derive(Debug, Default)]
pub(crate) struct NestedOpens(AtomicU64);

impl NestedOpens {
    /// Set from the exit on, when nothing is counted any more.
    const CLOSED: u64 = 1 << 63;

    /// Counts one more; says whether it came before the exit.
    pub(crate) fn note(&self) -> bool {
        let is_counted = self.0.fetch_add(1, Ordering::Relaxed) & Self::CLOSED == 0;
        if !is_counted {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
        is_counted
    }

    /// Counts no more; says how many there were.
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
