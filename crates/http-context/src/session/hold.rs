//! What names a session without being a handle that users hold.

use super::SessionState;
use crate::context::HttpContext;
use crate::id::SessionId;
use crate::leak::{Leak, LeakKind};
use crate::place::{Place, PlaceIndex};

/// Names a session, without being counted as a handle of it.
#[derive(Clone)]
pub(crate) struct SessionRef {
    pub(crate) context: HttpContext,
    pub(crate) id: SessionId,
}

impl SessionRef {
    pub(crate) fn state(&self) -> &SessionState {
        self.context.session_state()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().open_id() == Some(self.id)
    }
}

/// Names a session for a client or a request that is being built, and is counted while it lives.
pub(crate) struct SessionHold {
    pub(crate) session: SessionRef,
    pub(crate) place: Place,
    index: PlaceIndex,
}

impl SessionHold {
    pub(crate) fn new(session: SessionRef, place: Place) -> Self {
        let index = session.state().clients.acquire(place);
        Self {
            session,
            place,
            index,
        }
    }

    fn late_leak(&self) -> Leak {
        let SessionRef { context, .. } = &self.session;
        self.session
            .state()
            .holder_leak(context, LeakKind::ClientClone, Some(self.place))
    }
}

impl Clone for SessionHold {
    fn clone(&self) -> Self {
        if self.session.state().clients.acquire_again(self.index) {
            self.session.context.tell_leak(&self.late_leak());
        }
        Self {
            session: self.session.clone(),
            place: self.place,
            index: self.index,
        }
    }
}

impl Drop for SessionHold {
    fn drop(&mut self) {
        if self.session.state().clients.release(self.index) {
            self.session.context.tell_resolved(&self.late_leak());
        }
    }
}
