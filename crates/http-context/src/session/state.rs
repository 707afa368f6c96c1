//! What stands behind the handles of a context: its sessions, one after another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::table::ConnectionTable;
use crate::context::HttpContext;
use crate::id::SessionId;
use crate::in_flight::InFlight;
use crate::leak::{Leak, LeakKind};
use crate::place::{Place, PlaceCounts};
use crate::sockets::Connection;
use crate::totals::Totals;
use crate::transport::Transport;

/// All that a context keeps for its sessions: one after another, at most one of them open.
#[derive(Default)]
pub(crate) struct SessionState {
    /// The id of the open session, 0 when none is. A handle is good while this is its own id.
    open: AtomicU64,
    transport: Mutex<Option<Arc<Transport>>>,
    /// What sessions that are closed by now have opened.
    retired: Mutex<Vec<Arc<ConnectionTable>>>,
    built: OnceLock<Instant>,
    pub(crate) in_flight: InFlight,
    /// Live handles, by the place that acquired them.
    pub(crate) handles: PlaceCounts,
    /// Live clients and requests being built, by the place that acquired them.
    pub(crate) clients: PlaceCounts,
    pub(crate) totals: Totals,
}

impl SessionState {
    pub(crate) fn open_id(&self) -> Option<SessionId> {
        SessionId::from_raw(self.open.load(Ordering::SeqCst))
    }

    /// Opens a session on this transport; none is open.
    pub(crate) fn open(&self, id: SessionId, transport: Arc<Transport>) {
        let _ = self.built.set(Instant::now());
        *self.lock_transport() = Some(transport);
        self.open.store(id.get(), Ordering::Release);
    }

    /// Refuses further requests of this session; says whether it was open.
    pub(crate) fn close(&self, id: SessionId) -> bool {
        self.in_flight.barrier(|| {
            self.open
                .compare_exchange(id.get(), 0, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        })
    }

    pub(crate) fn transport(&self) -> Option<Arc<Transport>> {
        self.lock_transport().clone()
    }

    /// Lets go of the client without closing it.
    pub(crate) fn take_transport(&self) -> Option<Arc<Transport>> {
        self.lock_transport().take()
    }

    /// Drops a client that was taken, and its pool. Requests on their way keep it until they end.
    pub(crate) fn retire(&self, transport: Option<Arc<Transport>>) {
        if let Some(transport) = transport
            && transport.connections.close()
            && transport.connections.has_any()
        {
            self.lock_retired().push(Arc::clone(&transport.connections));
        }
    }

    /// Drops the client of the session.
    pub(crate) fn drop_transport(&self) {
        self.retire(self.take_transport());
    }

    /// Whether someone holds a handle, a client, or a request that is being built.
    pub(crate) fn has_holders(&self) -> bool {
        self.handles.any_live() || self.clients.any_live()
    }

    /// Every connection of the sessions that were dropped, to be verified and then released.
    pub(crate) fn take_connections(&self) -> Vec<Connection> {
        let retired = std::mem::take(&mut *self.lock_retired());
        retired.iter().flat_map(|table| table.take()).collect()
    }

    /// Waits until no connection of the sessions that were dropped is being made any more.
    pub(crate) async fn until_given_up(&self) {
        let retired = self.lock_retired().clone();
        for table in retired {
            table.until_given_up().await;
        }
    }

    pub(crate) fn has_connections(&self) -> bool {
        self.lock_retired().iter().any(|table| table.has_any())
    }

    fn lock_transport(&self) -> MutexGuard<'_, Option<Arc<Transport>>> {
        self.transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_retired(&self) -> MutexGuard<'_, Vec<Arc<ConnectionTable>>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago the first session was built.
    pub(crate) fn age(&self) -> Duration {
        self.built.get().map(Instant::elapsed).unwrap_or_default()
    }

    /// A leak of a handle or a client. Its own age is not known: at most that of the session.
    pub(crate) fn holder_leak(
        &self,
        context: &HttpContext,
        kind: LeakKind,
        place: Option<Place>,
    ) -> Leak {
        context.leak(kind, place, self.age())
    }
}
