//! What the parts of one context share: its identity, its observers and its counts.
//!
//! A [`Scope`] is what sessions, requests and connections know of the context that they belong to.
//! The context itself, which keeps them, points down to it.

mod connectors;
mod leaks;
mod plain;
mod request;
mod stats;

use std::backtrace::Backtrace;
use std::sync::Arc;

pub(crate) use self::connectors::Connectors;
use self::leaks::ReportedLeaks;
pub(crate) use self::plain::{CURRENT_CONNECT, PlainConnect, PlainScope};
pub(crate) use self::request::{CURRENT_REQUEST, MadeConnection, RequestScope};
pub(crate) use self::stats::{ContextStats, RequestStats};
use crate::defaults::Defaults;
use crate::error::{ContextClosed, SessionClosed};
use crate::facts::ContextInfo;
use crate::identity::{CallSite, SessionId};
use crate::observer::{Observer, Observers};
use crate::sync::{Mutex, Notify};
use crate::wait_until::wait_until;

/// One context, as all that belongs to it sees it.
pub(crate) struct Scope {
    pub(crate) info: ContextInfo,
    pub(crate) observers: Observers,
    pub(crate) stats: ContextStats,
    /// Notified when the exit begins, and when the last request, body or child is gone, or a holder
    /// let go, and an exit may wait for that.
    pub(crate) changed: Notify,
    /// What its requests get. Boxed, since few contexts have any.
    pub(crate) defaults: Option<Box<Defaults>>,
    /// Of the `open`, when it was sampled.
    backtrace: Option<Arc<Backtrace>>,
    /// What was reported of the context as leaked. Taken under no other lock, and nothing of a user
    /// runs under it.
    reported: Mutex<ReportedLeaks>,
}

impl Scope {
    pub(crate) fn new(
        info: ContextInfo,
        observers: Observers,
        defaults: Option<Box<Defaults>>,
    ) -> Self {
        Self {
            info,
            observers,
            defaults,
            stats: ContextStats::default(),
            changed: Notify::new(),
            backtrace: crate::leak::sampled_backtrace(),
            reported: Mutex::default(),
        }
    }

    pub(crate) fn notify(&self, fact: impl FnMut(&dyn Observer)) {
        self.observers.notify(fact);
    }

    /// Wakes an exit that waits for the context to be idle, or for its holders.
    pub(crate) fn note_idle(&self) {
        if self.info.phase.is_closing() {
            self.changed.notify_waiters();
        }
    }

    /// Waits for the exit to begin.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub(crate) async fn closing(self: Arc<Self>) {
        wait_until(&self.changed, || self.info.phase.is_closed()).await;
    }

    pub(crate) fn session_closed_error(&self, session: SessionId) -> SessionClosed {
        SessionClosed {
            session,
            context: self.info.id,
            opened_at: self.info.opened_at,
        }
    }

    pub(crate) fn context_closed_error(&self, spawned_at: Option<CallSite>) -> ContextClosed {
        ContextClosed {
            context: self.info.id,
            name: self.info.name.clone(),
            opened_at: self.info.opened_at,
            spawned_at,
            closed_ago: self.info.phase.closed_ago(),
        }
    }
}

impl AsRef<ContextInfo> for Scope {
    fn as_ref(&self) -> &ContextInfo {
        &self.info
    }
}
