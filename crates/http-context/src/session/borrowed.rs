//! What a context uses that another one owns.

use std::sync::Arc;

use super::sessions::Sessions;
use crate::facts::LeakKind;
use crate::identity::CallSite;
use crate::leak::CallSiteIndex;

/// Something that is used in a context and belongs to another one. Counted while it lives.
pub(crate) struct Borrow {
    sessions: Arc<Sessions>,
    call_site: CallSite,
    index: CallSiteIndex,
}

impl Sessions {
    pub(crate) fn borrow(self: &Arc<Self>, call_site: CallSite) -> Borrow {
        Borrow {
            sessions: Arc::clone(self),
            call_site,
            index: self.borrowed.get_or_init(Box::default).acquire(call_site),
        }
    }
}

impl Drop for Borrow {
    fn drop(&mut self) {
        let borrowed = self.sessions.borrowed.get_or_init(Box::default);
        let Some(released) = borrowed.release(self.index) else {
            return;
        };
        let scope = self.sessions.scope();
        scope.note_idle();
        if released.was_reported {
            let kind = LeakKind::UpgradedConnection;
            scope.report_resolved(&self.sessions.holder_leak(kind, Some(self.call_site)));
        }
    }
}
