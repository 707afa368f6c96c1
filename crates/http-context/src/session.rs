//! A session: the handle that code under a context works with, and the state behind it.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{IntoUrl, Method, Request, Response};
use reqwest_middleware::ClientWithMiddleware;
use tokio::time::Instant;

use crate::client;
use crate::context::HttpContext;
use crate::error::RequestError;
use crate::execute;
use crate::id::SessionId;
use crate::in_flight::InFlight;
use crate::leak::{Leak, LeakKind};
use crate::place::{Place, PlaceCounts, PlaceIndex};
use crate::request::RequestBuilder;
use crate::sockets::Connection;
use crate::totals::Totals;
use crate::transport::Transport;

/// A handle of the pooled session of a context, from [`http_session`](crate::http_session).
///
/// Requests are made as with `reqwest`. The handle is revocable: once the session is closed, every
/// request of it fails with [`SessionClosed`](crate::SessionClosed), at once and without touching
/// the network.
pub struct HttpSession {
    session: SessionRef,
    place: PlaceIndex,
}

macro_rules! method_shorthands {
    ($($(#[$doc:meta])* $name:ident => $method:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name<U: IntoUrl>(&self, url: U) -> RequestBuilder {
            self.request(Method::$method, url)
        }
    )*};
}

impl HttpSession {
    pub(crate) fn new(context: HttpContext, id: SessionId, place: PlaceIndex) -> Self {
        Self {
            session: SessionRef { context, id },
            place,
        }
    }

    method_shorthands! {
        /// Begins a `GET` request. A URL that cannot be parsed is told by `send`.
        get => GET;
        /// Begins a `POST` request. A URL that cannot be parsed is told by `send`.
        post => POST;
        /// Begins a `PUT` request. A URL that cannot be parsed is told by `send`.
        put => PUT;
        /// Begins a `PATCH` request. A URL that cannot be parsed is told by `send`.
        patch => PATCH;
        /// Begins a `DELETE` request. A URL that cannot be parsed is told by `send`.
        delete => DELETE;
        /// Begins a `HEAD` request. A URL that cannot be parsed is told by `send`.
        head => HEAD;
    }

    /// Begins a request. A URL that cannot be parsed is told by `send`.
    #[track_caller]
    pub fn request<U: IntoUrl>(&self, method: Method, url: U) -> RequestBuilder {
        RequestBuilder::new(self.hold(Location::caller()), method, url)
    }

    /// Sends a request that was built elsewhere.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request: a connection that was in use for it is closed
    /// (HTTP/1.1) or its stream reset (HTTP/2). Whether the server acted on it is unknown.
    #[track_caller]
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send + use<> {
        execute::execute(
            self.hold(Location::caller()),
            request,
            http::Extensions::new(),
        )
    }

    /// A client of this session for SDKs that want one of `reqwest_middleware`.
    ///
    /// It goes through the session: same pool, same limits, same telemetry. It is revoked with the
    /// session, and counted as a leak when it is kept past the exit. Requests must go through the
    /// [`ClientWithMiddleware`]; the [`reqwest::Client`] that its `AsRef` shows can build requests,
    /// but refuses to connect.
    #[track_caller]
    pub fn client(&self) -> ClientWithMiddleware {
        client::facade(self.hold(Location::caller()))
    }

    /// Closes the session now, while its context is open: requests in flight and bodies end with
    /// [`SessionClosed`](crate::SessionClosed), idle connections are closed. The next
    /// `http_session()` builds a fresh one. Does nothing if it is closed already.
    pub fn close(&self) {
        let SessionRef { context, id } = &self.session;
        let state = self.state();
        if !state.close(*id) {
            return;
        }
        for exchange in state.in_flight.snapshot() {
            if exchange.info.session == *id {
                exchange.abort();
            }
        }
        state.drop_transport();
        context.close_pooled_session();
        context.tell(|observer| observer.session_closed(context, *id));
    }

    /// Whether the session was closed, by [`close`](Self::close) or by the exit of its context.
    pub fn is_closed(&self) -> bool {
        !self.session.is_open()
    }

    /// Its number in this process.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// The context that it belongs to.
    pub fn context(&self) -> &HttpContext {
        &self.session.context
    }

    fn state(&self) -> &SessionState {
        self.session.state()
    }

    /// One handle more, or less, than was told at the exit.
    fn late_leak(&self) -> Leak {
        let place = self.state().handles.place(self.place);
        self.state()
            .holder_leak(self.context(), LeakKind::SessionHandle, place)
    }

    fn hold(&self, place: Place) -> SessionHold {
        SessionHold::new(self.session.clone(), place)
    }
}

impl Clone for HttpSession {
    fn clone(&self) -> Self {
        if self.state().handles.acquire_again(self.place) {
            self.session.context.tell_leak(&self.late_leak());
        }
        Self {
            session: self.session.clone(),
            place: self.place,
        }
    }
}

impl Drop for HttpSession {
    fn drop(&mut self) {
        if self.state().handles.release(self.place) {
            self.session.context.tell_resolved(&self.late_leak());
        }
    }
}

impl PartialEq for HttpSession {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for HttpSession {}

impl fmt::Debug for HttpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSession")
            .field("id", &self.id())
            .field("context", &self.context().id())
            .field(
                "place",
                &self
                    .state()
                    .handles
                    .place(self.place)
                    .map(ToString::to_string),
            )
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

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

/// All that a context keeps for its sessions: one after another, at most one of them open.
#[derive(Default)]
pub(crate) struct SessionState {
    /// The id of the open session, 0 when none is. A handle is good while this is its own id.
    open: AtomicU64,
    transport: Mutex<Option<Arc<Transport>>>,
    /// What sessions that are closed by now had opened.
    connections: Mutex<Vec<Connection>>,
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
        SessionId::from_raw(self.open.load(Ordering::Acquire))
    }

    /// Opens a session on this transport, unless the exit came first.
    pub(crate) fn open(
        &self,
        transport: Arc<Transport>,
        may_open: impl FnOnce() -> bool,
    ) -> Option<SessionId> {
        // Under the lock of admission, where the exit refuses too: after it nothing opens.
        self.in_flight.barrier(|| {
            if !may_open() {
                return None;
            }
            let id = SessionId::next();
            let _ = self.built.set(Instant::now());
            *self
                .transport
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(transport);
            self.open.store(id.get(), Ordering::Release);
            Some(id)
        })
    }

    /// Refuses further requests of this session; says whether it was open.
    pub(crate) fn close(&self, id: SessionId) -> bool {
        self.in_flight.barrier(|| {
            self.open
                .compare_exchange(id.get(), 0, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        })
    }

    pub(crate) fn transport(&self) -> Option<Arc<Transport>> {
        self.transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Drops the client and its pool. Requests on their way keep theirs until they end.
    pub(crate) fn drop_transport(&self) {
        let transport = self
            .transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(transport) = transport {
            self.lock_connections().extend(transport.connections.take());
        }
    }

    /// Lets go of the client without closing it, for the pool to hand it on.
    pub(crate) fn detach_transport(&self) {
        let transport = self
            .transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(transport);
    }

    /// Whether someone holds a handle, a client, or a request that is being built.
    pub(crate) fn has_holders(&self) -> bool {
        self.handles.any_live() || self.clients.any_live()
    }

    /// Every connection of the sessions that were dropped, to be verified and then released.
    pub(crate) fn take_connections(&self) -> Vec<Connection> {
        std::mem::take(&mut *self.lock_connections())
    }

    pub(crate) fn has_connections(&self) -> bool {
        !self.lock_connections().is_empty()
    }

    fn lock_connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
