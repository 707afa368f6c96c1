//! The sessions of a context: one after another, built or taken from a pool.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::{CLOSING, HttpContext};
use crate::error::{SessionClosed, SessionError};
use crate::id::SessionId;
use crate::leak::{Leak, LeakKind};
use crate::observer::SessionSource;
use crate::place::{Place, PlaceIndex};
use crate::pool::{CheckedOut, PoolCloseReason};
use crate::session::{HttpSession, SessionState};

impl HttpContext {
    /// The state of its sessions; there is one once a handle or a request exists.
    pub(crate) fn session_state(&self) -> &SessionState {
        self.0
            .session
            .get()
            .expect("a session was built before a handle or a request existed")
    }

    pub(crate) fn session_if_built(&self) -> Option<&SessionState> {
        self.0.session.get().map(|state| &**state)
    }

    /// A handle of the open session, if there is one.
    pub(crate) fn acquire_open(&self, place: Place) -> Option<HttpSession> {
        let state = self.0.session.get()?;
        // Counted first and looked second, where an exit closes first and counts second: it sees
        // the handle, or the handle is none.
        let place = state.handles.acquire(place);
        let Some(id) = state.open_id() else {
            self.give_back(place);
            return None;
        };
        Some(HttpSession::new(self.clone(), id, place))
    }

    /// A handle of the session, which is opened if none is.
    pub(crate) fn acquire_slowly(
        &self,
        place: Place,
        spawned_at: Option<Place>,
    ) -> Result<HttpSession, SessionError> {
        if !self.is_closed()
            && let Some(id) = self.ensure_session()?
        {
            let handle = self.session_state().handles.acquire(place);
            // As above.
            if !self.is_closed() {
                return Ok(HttpSession::new(self.clone(), id, handle));
            }
            self.give_back(handle);
        }
        Err(self.used_after_exit(place, spawned_at).into())
    }

    /// Takes a handle off the count that came too late to be one.
    #[cold]
    #[inline(never)]
    fn give_back(&self, place: PlaceIndex) {
        if self.session_state().handles.release(place) {
            self.tell_handle_released(place);
        }
    }

    /// A handle that was told as leaked was let go.
    #[cold]
    pub(crate) fn tell_handle_released(&self, place: PlaceIndex) {
        self.tell_resolved(&self.handle_leak(place));
    }

    /// One handle more, or less, than was told at the exit.
    pub(crate) fn handle_leak(&self, place: PlaceIndex) -> Leak {
        let state = self.session_state();
        state.holder_leak(self, LeakKind::SessionHandle, state.handles.place(place))
    }

    /// Opens the session if none is open; `None` when the exit came first.
    pub(crate) fn ensure_session(&self) -> Result<Option<SessionId>, SessionError> {
        // Before the lock, since a pool tells its observers of it.
        self.ensure_checkout()?;
        let sessions = self.0.sessions.lock();
        if self.is_closed() {
            drop(sessions);
            // The exit may have come before the place did. Closed and not given back: another task
            // may have used its session meanwhile, and be at it still.
            if let Some(checkout) = self.take_checkout() {
                checkout.close(PoolCloseReason::Unverified);
            }
            return Ok(None);
        }
        if let Some(id) = sessions.get() {
            return Ok(Some(id));
        }
        let recreated = match self.0.session.get() {
            Some(state) => match state.open_id() {
                Some(id) => return Ok(Some(id)),
                None => Some(SessionSource::Recreated),
            },
            None => None,
        };
        let CheckedOut {
            transport,
            source,
            built_in,
        } = self.check_transport_out()?;
        let source = recreated.unwrap_or(source);
        let state = self.0.session.get_or_init(Box::default);
        let id = SessionId::next();
        sessions.set(Some(id));
        if let Some(took) = built_in {
            self.tell_pool_created(took);
        }
        self.tell(|observer| observer.session_opened(self, id, source));
        sessions.set(None);
        state.open(id, transport);
        Ok(Some(id))
    }

    /// Closes a session early; does nothing if it is closed.
    pub(crate) fn close_session(&self, id: SessionId) {
        let _sessions = self.0.sessions.lock();
        let state = self.session_state();
        if !state.close(id) {
            return;
        }
        // Taken first: what is cut off below may run code that opens the next session.
        let transport = state.take_transport();
        let pooled = self.take_pooled_session();
        for exchange in state.in_flight.snapshot() {
            if exchange.info.session == id {
                exchange.abort();
            }
        }
        state.retire(transport);
        self.close_pooled_session(pooled);
        self.tell(|observer| observer.session_closed(self, id));
    }

    /// Begins an exit: from here on nothing is admitted. Says how many opens were nested in it.
    pub(crate) fn begin_exit(&self) -> u64 {
        let _ = self.0.closed.set(Instant::now());
        self.0.phase.store(CLOSING, Ordering::SeqCst);
        // Who is opening a session either sees that, or has opened it by now.
        let _sessions = self.0.sessions.lock();
        if let Some(state) = self.session_if_built()
            && let Some(id) = state.open_id()
            && state.close(id)
        {
            self.tell(|observer| observer.session_closed(self, id));
        }
        self.0.nested_opens.close()
    }

    pub(crate) fn session_closed_error(&self, session: SessionId) -> SessionClosed {
        SessionClosed {
            session,
            context: self.0.id,
            opened_at: self.0.opened_at,
        }
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
            let sessions = context.0.sessions.lock();
            let elsewhere = context.clone();
            let thread = thread::spawn(move || {
                let has_session = elsewhere.sync_scope(|| http_session().is_ok());
                found.send(has_session)
            });
            let found = lookup.recv_timeout(Duration::from_secs(5));
            drop(sessions);
            assert_eq!(found, Ok(true));
            thread.join().unwrap().unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}
