//! What names a session without being a handle that users hold.

use std::sync::Arc;

use super::sessions::Sessions;
use crate::facts::{Leak, LeakKind};
use crate::identity::{CallSite, SessionId};
use crate::leak::{CallSiteIndex, Released};

/// Names a session, without being counted as a handle of it.
#[derive(Clone)]
pub(super) struct SessionRef {
    pub(super) sessions: Arc<Sessions>,
    pub(super) id: SessionId,
}

impl SessionRef {
    pub(super) fn is_open(&self) -> bool {
        self.sessions.open_id() == Some(self.id)
    }
}

/// Names a session for a client or a request that is being built, and is counted while it lives.
pub(super) struct SessionHold {
    pub(super) session: SessionRef,
    pub(super) call_site: CallSite,
    index: CallSiteIndex,
}

impl SessionHold {
    pub(super) fn new(session: SessionRef, call_site: CallSite) -> Self {
        let index = session.sessions.clients.acquire(call_site);
        Self {
            session,
            call_site,
            index,
        }
    }

    #[cold]
    fn note_released(&self, released: Released) {
        let scope = self.session.sessions.scope();
        scope.note_idle();
        if released.was_reported {
            scope.report_resolved(&self.late_leak());
        }
    }

    fn late_leak(&self) -> Leak {
        let sessions = &self.session.sessions;
        sessions.holder_leak(LeakKind::ClientClone, Some(self.call_site))
    }
}

impl Clone for SessionHold {
    fn clone(&self) -> Self {
        let sessions = &self.session.sessions;
        if sessions.clients.acquire_again(self.index) {
            sessions.scope().report_leak(&self.late_leak());
        }
        Self {
            session: self.session.clone(),
            call_site: self.call_site,
            index: self.index,
        }
    }
}

impl Drop for SessionHold {
    fn drop(&mut self) {
        let sessions = &self.session.sessions;
        if let Some(released) = sessions.clients.release(self.index) {
            self.note_released(released);
        }
    }
}
