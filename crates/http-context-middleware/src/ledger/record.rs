//! A connection as the ledger shows it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::{CloseReason, ConnectionId, SessionId};
use tokio::time::Instant;

/// What is known of a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionRecord {
    /// Its number in this process.
    pub id: ConnectionId,
    /// The session that opened it.
    pub session: SessionId,
    /// The host that it was opened for, `_OTHER` beyond the cap.
    pub server_address: Arc<str>,
    /// The port that it was opened for.
    pub server_port: u16,
    /// The end in this process, when it is known.
    pub local: Option<SocketAddr>,
    /// The other end, when it is known.
    pub peer: Option<SocketAddr>,
    /// The HTTP version, once a response has shown it: `1.1`, `2` and so on.
    pub protocol_version: Option<&'static str>,
    /// When it was made.
    pub opened: Instant,
    /// How long it took to make it.
    pub create_duration: Duration,
    /// Response heads that came over it, where they are seen: see
    /// [`ConnectionInfo::plain`](field@http_context::ConnectionInfo::plain).
    pub requests: u64,
    /// What it does now, or did when it closed.
    pub state: ConnectionState,
    /// How long it has been idle, when it is.
    pub idle_for: Option<Duration>,
    /// When and why it closed, if it did.
    pub closed: Option<(Instant, CloseReason)>,
}

/// Whether a request is on a connection. The strings are the values of `http.connection.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// A request is on it.
    Active,
    /// None is.
    Idle,
    /// Nobody sees what is on it: that of a
    /// [plain client](field@http_context::ConnectionInfo::plain).
    Unknown,
}

impl ConnectionState {
    /// The value of the attribute `http.connection.state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Unknown => "unknown",
        }
    }
}
