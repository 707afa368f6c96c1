//! Opens and closes the sessions of a context, one after another.

use std::sync::Arc;

use super::handle::HttpSession;
use super::sessions::{SessionOrigin, Sessions};
use super::transport_build::Built;
use crate::error::SessionError;
use crate::facts::{PoolCloseReason, SessionEnded, SessionSource, SessionStarted};
use crate::identity::{CallSite, SessionId};

/// What is found where no session is to be opened.
enum Found {
    /// One that is open, or that this thread is opening.
    Session(SessionId),
    /// The exit came first.
    Exit,
}

impl Found {
    fn id(self) -> Option<SessionId> {
        match self {
            Self::Session(id) => Some(id),
            Self::Exit => None,
        }
    }
}

impl Sessions {
    /// A handle of the open session, if there is one.
    #[inline]
    pub(crate) fn acquire_open(self: &Arc<Self>, call_site: CallSite) -> Option<HttpSession> {
        // Counted first and looked second, where an exit closes first and counts second: it sees
        // the handle, or the handle is none.
        let index = self.handles.acquire(call_site);
        let Some(id) = self.open_id() else {
            self.release_handle(index);
            return None;
        };
        Some(HttpSession::new(Arc::clone(self), id, index))
    }

    /// A handle of the session, which is opened if none is; `None` when the exit came first.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        call_site: CallSite,
    ) -> Result<Option<HttpSession>, SessionError> {
        let Some(id) = self.ensure_open()? else {
            return Ok(None);
        };
        let index = self.handles.acquire(call_site);
        // As above.
        if self.scope().info.phase.is_closed() {
            self.release_handle(index);
            return Ok(None);
        }
        Ok(Some(HttpSession::new(Arc::clone(self), id, index)))
    }

    /// Opens the session if none is open; `None` when the exit came first.
    pub(crate) fn ensure_open(&self) -> Result<Option<SessionId>, SessionError> {
        // Before the lock, since observers of the pool are notified of it.
        self.ensure_permit()?;
        // Under the lock only where this thread has it: it may be notifying of the session.
        let may_be_known = self.changing.is_owned_by_current_thread()
            || self.open_id().is_some()
            || self.scope().info.phase.is_closed();
        if may_be_known && let Some(found) = self.look() {
            return Ok(found.id());
        }
        // Without the lock, since it runs what users have set. Two threads may both build; the
        // session of one is opened.
        let built = self.obtain_transport()?;
        let changing = self.changing.lock();
        if let Some(found) = self.look() {
            drop(changing);
            return Ok(found.id());
        }
        let Built {
            transport,
            source,
            build_time,
        } = built;
        let id = SessionId::next();
        changing.set(Some(id));
        if let (SessionOrigin::Pool(pool), Some(took)) = (&self.origin, build_time) {
            if let Some(permit) = self.permit.lock().as_mut() {
                permit.put(Arc::clone(&transport));
            }
            pool.notify_created(took);
        }
        let source = if self.was_opened_before() {
            SessionSource::Recreated
        } else {
            source
        };
        let started = SessionStarted {
            session: id,
            source,
        };
        let scope = self.scope();
        scope.notify(|observer| observer.session_opened(&scope.info, &started));
        changing.set(None);
        self.open(id, transport);
        Ok(Some(id))
    }

    /// What there is to find without opening a session.
    fn look(&self) -> Option<Found> {
        let changing = self.changing.lock();
        if self.scope().info.phase.is_closed() {
            drop(changing);
            self.close_late_permit();
            return Some(Found::Exit);
        }
        let id = changing.get().or_else(|| self.open_id());
        id.map(Found::Session)
    }

    /// Closes a session early; does nothing if it is closed.
    pub(crate) fn close(&self, id: SessionId) {
        let changing = self.changing.lock();
        if !self.close_gate(id) {
            return;
        }
        // Taken first: what is cut off below may run code that opens the next session.
        let transport = self.take_transport();
        if let Some(transport) = &transport {
            self.retire(transport);
        }
        let pooled = self
            .permit
            .lock()
            .as_mut()
            .and_then(|permit| permit.take_session());
        self.notify_closed(id);
        drop(changing);
        if let Some(transport) = &transport {
            transport.connections.note_closed();
        }
        self.drop_plain_client(Some(id));
        self.cut_plain_connections();
        for exchange in self.requests.all() {
            if exchange.info.session == id {
                exchange.abort();
            }
        }
        drop(transport);
        if let (Some(pooled), SessionOrigin::Pool(pool)) = (pooled, &self.origin) {
            pool.close_session(pooled, PoolCloseReason::ClosedEarly);
        }
    }

    /// Closes the session for the exit: from here on nothing is admitted. Whoever is opening one
    /// either sees that the exit has begun, or has opened it by now.
    pub(crate) fn refuse(&self) {
        let _changing = self.changing.lock();
        if let Some(id) = self.open_id()
            && self.close_gate(id)
        {
            self.refuse_plain_client();
            self.notify_closed(id);
        }
    }

    fn notify_closed(&self, session: SessionId) {
        let ended = SessionEnded { session };
        let scope = self.scope();
        scope.notify(|observer| observer.session_closed(&scope.info, &ended));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use crate::{OpenError, current, http_session, open};

    #[tokio::test]
    async fn a_lookup_takes_no_lock_once_the_session_is_built() {
        let work = open(async {
            let (context, _session) = (current().unwrap(), http_session().unwrap());
            let (found, lookup) = mpsc::channel();
            let changing = context.sessions().unwrap().changing.lock();
            let elsewhere = context.clone();
            let thread = thread::spawn(move || {
                let has_session = elsewhere.sync_scope(|| http_session().is_ok());
                found.send(has_session)
            });
            let found = lookup.recv_timeout(Duration::from_secs(5));
            drop(changing);
            assert_eq!(found, Ok(true));
            thread.join().unwrap().unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}
