//! What stands behind the handles of a context: its sessions, one after another.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, ReentrantMutex};
use tokio::time::Instant;

use super::plain::PlainClients;
use crate::connection::{Connection, RetiredSessions};

use crate::exchange::{RequestOptions, Requests};
use crate::facts::{Leak, LeakKind};
use crate::identity::{CallSite, SessionId};
use crate::leak::CallSiteCounts;
use crate::pool::{Checkout, SessionPool};
use crate::scope::Scope;
use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::transport::{SessionOptions, Transport};

/// All that a context keeps for its sessions: one after another, at most one of them open.
pub(crate) struct Sessions {
    pub(crate) requests: Arc<Requests>,
    pub(super) origin: SessionOrigin,
    /// The id of the open session, 0 when none is. A handle is good while this is its own id.
    open: AtomicU64,
    /// Held while a session is opened or closed, until observers have been notified: one after
    /// another, and none in the middle of an exit. This is the one lock that observers are called
    /// under; it is re-entrant, since they may ask for the session. It contains the session that
    /// observers are being notified of, which nobody can find yet. The locks of this struct and of
    /// what is in flight are taken under it.
    pub(super) changing: ReentrantMutex<Cell<Option<SessionId>>>,
    /// From open to exit, where the sessions come from a pool. Nothing of a user runs under it.
    pub(super) permit: Mutex<Option<Box<Checkout>>>,
    /// Nothing of a user runs under it.
    transport: Mutex<Option<Arc<Transport>>>,
    /// The connections of sessions that are closed by now.
    retired: RetiredSessions,
    built: OnceLock<Instant>,
    /// Live handles, by the call site that acquired them.
    pub(super) handles: CallSiteCounts,
    /// Live clients and requests being built, by the call site that acquired them.
    pub(super) clients: CallSiteCounts,
    /// Live things that another context owns, by the call site that borrowed them. Most contexts
    /// borrow nothing.
    pub(super) borrowed: OnceLock<Box<CallSiteCounts>>,
    /// Most contexts ask for none.
    pub(super) plain: OnceLock<Box<PlainClients>>,
}

/// Where sessions come from.
#[derive(Clone)]
pub(crate) enum SessionOrigin {
    /// Each is built from these options.
    Options(Arc<SessionOptions>),
    /// Warm ones, or ones that are built from the options of the pool.
    Pool(SessionPool),
}

impl Sessions {
    pub(crate) fn new(scope: Arc<Scope>, origin: SessionOrigin, options: RequestOptions) -> Self {
        Self {
            requests: Arc::new(Requests::new(scope, options)),
            origin,
            open: AtomicU64::new(0),
            changing: ReentrantMutex::default(),
            permit: Mutex::default(),
            transport: Mutex::default(),
            retired: RetiredSessions::default(),
            built: OnceLock::new(),
            handles: CallSiteCounts::default(),
            clients: CallSiteCounts::default(),
            borrowed: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.requests.scope
    }

    pub(crate) fn open_id(&self) -> Option<SessionId> {
        SessionId::from_raw(self.open.load(Ordering::SeqCst))
    }

    /// Opens a session on this transport; none is open.
    pub(super) fn open(&self, id: SessionId, transport: Arc<Transport>) {
        let _ = self.built.set(Instant::now());
        *self.transport.lock() = Some(transport);
        self.open.store(id.get(), Ordering::Release);
    }

    /// Refuses further requests of this session. Returns whether it was open.
    pub(super) fn close_gate(&self, id: SessionId) -> bool {
        self.requests.barrier(|| {
            self.open
                .compare_exchange(id.get(), 0, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        })
    }

    pub(super) fn transport(&self) -> Option<Arc<Transport>> {
        self.transport.lock().clone()
    }

    /// Lets go of the client without closing it.
    pub(crate) fn take_transport(&self) -> Option<Arc<Transport>> {
        self.transport.lock().take()
    }

    /// A client that was taken makes no connection any more, and this answers for those that it
    /// has made. Requests on their way keep it until they end. Its connections are yet to be noted
    /// as closed, with no lock held.
    pub(super) fn retire(&self, transport: &Transport) {
        if transport.connections.close() && transport.connections.has_any() {
            self.retired.add(Arc::clone(&transport.connections));
        }
    }

    /// Drops the client of the session, and its pool of connections.
    pub(crate) fn drop_transport(&self) {
        if let Some(transport) = self.take_transport() {
            self.retire(&transport);
            transport.connections.note_closed();
        }
    }

    /// What is cut off from here on, the session closes.
    pub(crate) fn note_closing(&self) {
        if let Some(transport) = self.transport() {
            transport.connections.note_closing();
        }
    }

    /// Whether someone holds a handle, a client, a request that is being built, or what was borrowed.
    pub(crate) fn has_holders(&self) -> bool {
        self.handles.any_live()
            || self.clients.any_live()
            || self.borrowed.get().is_some_and(|counts| counts.any_live())
    }

    /// As [`has_holders`](Self::has_holders), where the exit is to be woken by each that lets go.
    pub(crate) fn await_holders(&self) -> bool {
        let (handles, clients) = (self.handles.await_releases(), self.clients.await_releases());
        // Each of them has to hear of it.
        let borrowed = self
            .borrowed
            .get()
            .is_some_and(|counts| counts.await_releases());
        handles || clients || borrowed
    }

    /// What someone holds now, as leaks. Each is marked as reported.
    pub(crate) fn mark_holders_leaked(&self) -> Vec<Leak> {
        let leaks = |counts: &CallSiteCounts, kind| -> Vec<Leak> {
            let live = counts.mark_leaked();
            let leaks = live.map(|holders| Leak {
                count: holders.count,
                backtrace: holders.backtrace,
                ..self.holder_leak(kind, holders.call_site)
            });
            leaks.collect()
        };
        let mut all = leaks(&self.handles, LeakKind::SessionHandle);
        all.extend(leaks(&self.clients, LeakKind::ClientClone));
        if let Some(borrowed) = self.borrowed.get() {
            all.extend(leaks(borrowed, LeakKind::UpgradedConnection));
        }
        all
    }

    /// Every connection of the sessions that were dropped, to be verified and then released.
    pub(crate) fn take_connections(&self) -> Vec<Arc<Connection>> {
        self.retired.take_connections()
    }

    /// Waits until no connection of the sessions that were dropped is being made any more.
    pub(crate) async fn wait_until_given_up(&self) {
        for connections in self.retired.all() {
            connections.wait_until_given_up().await;
        }
        self.wait_until_plain_given_up().await;
    }

    pub(crate) fn has_connections(&self) -> bool {
        self.retired.has_connections() || self.has_plain_connections()
    }

    /// Whether any was opened so far.
    pub(super) fn was_opened_before(&self) -> bool {
        self.built.get().is_some()
    }

    /// How long ago the first session was built.
    pub(crate) fn age(&self) -> Duration {
        self.built.get().map(Instant::elapsed).unwrap_or_default()
    }

    /// A leak of a handle or a client. Its own age is not known: at most that of the session.
    pub(super) fn holder_leak(&self, kind: LeakKind, call_site: Option<CallSite>) -> Leak {
        let mut leak = self.scope().leak(kind, call_site, self.age());
        if kind == LeakKind::UpgradedConnection {
            leak.detail = Some("borrowed from a pool".to_owned());
        }
        leak
    }
}
