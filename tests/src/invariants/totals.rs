//! What was counted, and what is still open.

use std::{collections::HashMap, fmt};

use http_context::{LeakKind, NestedPolicy};

/// What an [`InvariantObserver`](super::InvariantObserver) counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the facts")]
#[non_exhaustive]
pub struct Totals {
    pub contexts: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub panicked: u64,
    pub nested: HashMap<NestedPolicy, u64>,
    pub sessions: u64,
    pub requests: u64,
    pub requests_queued: u64,
    pub requests_answered: u64,
    pub requests_failed: u64,
    /// Of those that failed, the ones whose session closed under them.
    pub requests_aborted: u64,
    pub requests_cancelled: u64,
    /// Facts that came after the end of what they are about, as is allowed where another thread was at
    /// it: the start of a request after its session or context, its end after its context, a
    /// nested open after the outer context.
    pub late: u64,
    pub answered_new: u64,
    pub answered_reused: u64,
    pub bodies_complete: u64,
    pub bodies_failed: u64,
    pub bodies_dropped: u64,
    pub bodies_aborted: u64,
    pub body_bytes: u64,
    pub upgraded: u64,
    pub connects: u64,
    pub connections_opened: u64,
    pub plain_requests: u64,
    pub plain_answered: u64,
    pub plain_connections: u64,
    pub connects_failed: u64,
    pub connects_abandoned: u64,
    /// Things that leaked, each counted.
    pub leaks: u64,
    pub leaks_by_kind: HashMap<LeakKind, u64>,
    pub pool_sessions_closed: u64,
}

/// What an [`InvariantObserver`](super::InvariantObserver) knows as open, and what did not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// What has begun and not ended, by what it is.
    pub open: Vec<(&'static str, i64)>,
    /// Facts that did not fit those before them, the first of them.
    pub misfits: Vec<String>,
}

impl Balance {
    /// Whether anything has begun and not ended.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether something is open that can still end.
    pub(super) fn may_settle(&self) -> bool {
        self.is_open() && self.open.iter().all(|(_, count)| *count > 0)
    }

    /// Whether nothing is open, and everything fitted.
    pub fn is_even(&self) -> bool {
        !self.is_open() && self.misfits.is_empty()
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_even() {
            return f.write_str("everything that began has ended");
        }
        f.write_str("not everything fits, or has ended:")?;
        for (what, count) in &self.open {
            write!(f, "\n  open: {count} {what}")?;
        }
        for misfit in &self.misfits {
            write!(f, "\n  misfit: {misfit}")?;
        }
        Ok(())
    }
}
