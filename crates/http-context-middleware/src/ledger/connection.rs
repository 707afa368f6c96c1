//! One connection: what it carries, when it is idle, and how it ended.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http_context::{AddressPair, ConnectionId, ConnectionInfo, SessionId};
use tokio::time::Instant;

use super::{CloseReason, ConnectionRecord, ConnectionState};
use crate::server::Server;
use crate::span::Peer;
use crate::version::ProtocolVersion;

/// hyper knows that a connection is idle before the caller's task has seen the end of the body; how
/// much before depends on what else the runtime has to do.
const IDLE_TOLERANCE: Duration = Duration::from_secs(1);

/// A connection that closes so soon after a request on it was dropped closes for that.
pub(super) const LET_GO_CLOSES_WITHIN: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) session: SessionId,
    pub(crate) addresses: Option<AddressPair>,
    /// The other end, as spans show it.
    pub(crate) peer: Option<Peer>,
    pub(crate) server: Arc<Server>,
    /// The span of its making, for the requests to link to.
    pub(crate) setup: OnceLock<crate::span::Link>,
    opened: Instant,
    create_duration: Duration,
    keep_alive: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Kept for the request that it was opened for, until that gets its response.
    is_reserved: bool,
    in_flight: u32,
    requests: u64,
    version: Option<ProtocolVersion>,
    idle_since: Option<Instant>,
    /// When a request or a body on it was dropped, and with HTTP/1.1 the connection with it, unless
    /// hyper had read all that was left of it.
    let_go: Option<Instant>,
    is_closed: bool,
}

impl State {
    fn is_busy(&self) -> bool {
        !self.is_closed && (self.is_reserved || self.in_flight > 0)
    }
}

/// What a connection is opened for, or what became of a request on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// For a request that waits for it.
    Reserved,
    /// For nobody: the request that asked for it went another way.
    Spare,
}

impl Connection {
    pub(crate) fn new(
        info: &ConnectionInfo,
        server: &Arc<Server>,
        keep_alive: Duration,
        opened_for: Use,
    ) -> Self {
        let now = Instant::now();
        let state = State {
            is_reserved: opened_for == Use::Reserved,
            idle_since: (opened_for == Use::Spare).then_some(now),
            version: info.is_http2.then_some(ProtocolVersion::HTTP2),
            ..State::default()
        };
        Self {
            id: info.id,
            session: info.session,
            addresses: info.addresses,
            peer: info.addresses.map(|pair| pair.remote.into()),
            server: Arc::clone(server),
            setup: OnceLock::new(),
            opened: now,
            create_duration: info.create_duration,
            keep_alive,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn note_opened(&self) {
        let busy = i64::from(self.is_busy());
        self.change_books(1, busy, 0);
    }

    /// A response head came over it. Says how long it had been idle before that request was sent,
    /// when it was reused.
    pub(crate) fn answered(
        &self,
        version: ProtocolVersion,
        sent: Option<Instant>,
        stops_waiting: bool,
    ) -> Option<Duration> {
        let mut state = self.lock();
        let was_busy = state.is_busy();
        state.is_reserved = false;
        state.in_flight += 1;
        state.requests += 1;
        state.version = Some(version);
        state.let_go = None;
        let idle_since = state.idle_since.take();
        let was_reused = state.requests > 1;
        let busy = i64::from(state.is_busy()) - i64::from(was_busy);
        drop(state);
        self.change_books(0, busy, if stops_waiting { -1 } else { 0 });
        let idle_since = idle_since.filter(|_| was_reused)?;
        Some(sent?.saturating_duration_since(idle_since))
    }

    /// The body of a response on it has ended, or was let go before its end.
    pub(crate) fn response_ended(&self, let_go: bool) {
        let mut state = self.lock();
        let was_busy = state.is_busy();
        state.in_flight = state.in_flight.saturating_sub(1);
        self.ended(state, was_busy, let_go);
    }

    /// The request that it was kept for does not need it.
    pub(crate) fn not_needed(&self, let_go: bool) {
        let mut state = self.lock();
        let was_busy = state.is_busy();
        state.is_reserved = false;
        self.ended(state, was_busy, let_go);
    }

    fn ended(&self, mut state: MutexGuard<'_, State>, was_busy: bool, let_go: bool) {
        let is_http2 = state.version == Some(ProtocolVersion::HTTP2);
        if let_go && !is_http2 {
            state.let_go = Some(Instant::now());
        }
        if !state.is_reserved && state.in_flight == 0 {
            state.idle_since = Some(Instant::now());
        }
        let busy = i64::from(state.is_busy()) - i64::from(was_busy);
        drop(state);
        self.change_books(0, busy, 0);
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.lock().is_busy()
    }

    /// The most likely reason, from what was known when it closed.
    pub(super) fn close_reason(&self, session_is_closed: bool) -> CloseReason {
        let state = self.lock();
        let idle = state.idle_since.map(|since| since.elapsed());
        let tolerance = IDLE_TOLERANCE.min(self.keep_alive / 4);
        let let_go = state.let_go.map(|let_go| let_go.elapsed());
        if let_go.is_some_and(|let_go| let_go < LET_GO_CLOSES_WITHIN) {
            CloseReason::Unknown
        } else if session_is_closed {
            CloseReason::SessionClosed
        } else if idle.is_some_and(|idle| idle + tolerance >= self.keep_alive) {
            CloseReason::IdleTimeout
        } else if self.was_cancelled_unseen(&state) {
            CloseReason::Unknown
        } else {
            CloseReason::Remote
        }
    }

    /// Whether a request that was cancelled before its connection was known may have been on it.
    fn was_cancelled_unseen(&self, state: &State) -> bool {
        if state.version == Some(ProtocolVersion::HTTP2) {
            return false;
        }
        let mut was = false;
        self.server
            .books
            .change(|counts| was = counts.take_cancelled(Instant::now()));
        was
    }

    /// Called once, by whoever took it from the ledger.
    pub(super) fn closed(&self, reason: CloseReason, remember: impl FnOnce(ConnectionRecord)) {
        let mut state = self.lock();
        let busy = i64::from(state.is_busy());
        state.is_closed = true;
        let (version, requests) = (state.version, state.requests);
        drop(state);
        self.server.closed(reason).increment(1);
        self.server
            .connection_duration(version)
            .record(self.opened.elapsed());
        #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        self.server.connection_requests().record(requests as f64);
        let record = self.record(Some((Instant::now(), reason)));
        remember(record);
        // Last: who sees the gauge go down sees the rest.
        self.change_books(-1, -busy, 0);
    }

    pub(super) fn record(&self, closed: Option<(Instant, CloseReason)>) -> ConnectionRecord {
        let state = self.lock();
        let is_idle = !state.is_reserved && state.in_flight == 0;
        ConnectionRecord {
            id: self.id,
            session: self.session,
            server_address: Arc::clone(&self.server.address),
            server_port: self.server.port,
            local: self.addresses.map(|pair| pair.local),
            peer: self.addresses.map(|pair| pair.remote),
            protocol_version: state.version.map(ProtocolVersion::as_str),
            opened: self.opened,
            create_duration: self.create_duration,
            requests: state.requests,
            state: if is_idle {
                ConnectionState::Idle
            } else {
                ConnectionState::Active
            },
            idle_for: state.idle_since.filter(|_| is_idle).map(|s| s.elapsed()),
            closed,
        }
    }

    fn change_books(&self, open: i64, busy: i64, waiting: i64) {
        if (open, busy, waiting) == (0, 0, 0) {
            return;
        }
        let (active, idle) = self.server.books.change(|counts| {
            counts.open += open;
            counts.busy += busy;
            counts.waiting += waiting;
        });
        self.server.move_connections(active, idle);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
