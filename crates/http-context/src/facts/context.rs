//! Who a context is.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::leak::LeakPolicy;
use super::phase::Phase;
use crate::error::Redaction;
use crate::identity::{Attached, CallSite, ContextId};

/// A context as its observers know it: who it is, where it was opened, and what of its options
/// concerns them.
///
/// It gives no access to the session: see [`HttpContext`](crate::HttpContext) for that.
pub struct ContextInfo {
    pub(crate) id: ContextId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) opened_at: CallSite,
    pub(crate) opened: Instant,
    pub(crate) leak_policy: LeakPolicy,
    pub(crate) redaction: Redaction,
    pub(crate) keep_alive: Duration,
    pub(crate) is_pooled: bool,
    pub(crate) phase: Phase,
    pub(crate) attached: Attached,
}

impl ContextInfo {
    /// Its number in this process.
    pub fn id(&self) -> ContextId {
        self.id
    }

    /// Its name, when it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was opened.
    pub fn opened_at(&self) -> CallSite {
        self.opened_at
    }

    /// How long ago it was opened.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Whether its exit has begun: it gives no session, and admits no request.
    pub fn is_closed(&self) -> bool {
        self.phase.is_closed()
    }

    /// What it does about leaks.
    pub fn leak_policy(&self) -> LeakPolicy {
        self.leak_policy
    }

    /// Which parts of URLs are secrets in it.
    pub fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// How long its session keeps an idle connection.
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    /// Whether its session comes from a pool, so that its connections outlive it there.
    pub fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// Keeps an observer's own state with the context, unless there is one of its type. Returns
    /// whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attached.get()
    }
}

impl PartialEq for ContextInfo {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for ContextInfo {}

impl fmt::Debug for ContextInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextInfo")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("opened_at", &format_args!("{}", self.opened_at))
            .finish_non_exhaustive()
    }
}
