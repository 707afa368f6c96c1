//! Connections, and what comes before them.

use std::any::Any;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Version;
use tokio::time::Instant;

use crate::error::ErrorKind;
use crate::identity::{Attached, CallSite, ConnectionId, Origin, SessionId};

/// Whether a response came over a connection that had been used before. The strings are the values
/// of the label `source`.
///
/// Found in the extensions of each response:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::{ConnectionUse, http_session};
///
/// let response = http_session()?.get("https://example.com").send().await?;
/// let connection = response.extensions().get::<ConnectionUse>().copied();
/// assert_eq!(connection, Some(ConnectionUse::New));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionUse {
    /// It is the first response of its connection.
    New,
    /// The connection had carried a response before.
    Reused,
    /// Not known, or none: Unix sockets, named pipes and HTTP/3 have no addresses, and a middleware
    /// may answer without a connection, as from a cache. A response that a middleware has built anew
    /// counts as the last one that came for its request.
    Unknown,
}

impl ConnectionUse {
    /// The value of the label `source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reused => "reused",
            Self::Unknown => "unknown",
        }
    }
}

/// A connection that was made, for as long as its session remembers it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its number in this process.
    pub id: ConnectionId,
    /// The session that opened it.
    pub session: SessionId,
    /// Where the plain client was first asked for that opened it, by
    /// [`HttpSession::reqwest_client`](crate::HttpSession::reqwest_client); `None` of one that the
    /// session opened for a request. What the connection of a plain client carries is not seen.
    pub plain: Option<CallSite>,
    /// The origin that it was opened for: that of the request, or of a redirect on its way.
    ///
    /// Of a plain client for whose requests `configure` has chosen a proxy it is the address of the
    /// peer, without a scheme, and of one that goes by a Unix socket it is `unknown`.
    pub origin: Arc<Origin>,
    /// Its two ends, when they are known. Through a proxy the peer is the proxy.
    pub addresses: Option<AddressPair>,
    /// Whether HTTP/2 was agreed on in the TLS handshake, or is the only version of the session.
    pub is_http2: bool,
    /// How long it took to make it: DNS, TCP, and TLS where it applies.
    pub create_duration: Duration,
    /// When it was made.
    pub opened: Instant,
    pub(crate) attached: Attached,
}

impl ConnectionInfo {
    /// Keeps an observer's own state with the connection, unless there is one of its type.
    /// Returns whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attached.get()
    }
}

/// The two ends of a TCP connection of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressPair {
    /// The end in this process.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl AddressPair {
    /// A dual-stack socket may show an IPv4 peer in the mapped form.
    #[inline]
    pub(crate) fn canonical(self) -> Self {
        if self.local.is_ipv4() && self.remote.is_ipv4() {
            return self;
        }
        let one = |address: SocketAddr| match address {
            SocketAddr::V4(_) => address,
            SocketAddr::V6(_) => SocketAddr::new(address.ip().to_canonical(), address.port()),
        };
        Self {
            local: one(self.local),
            remote: one(self.remote),
        }
    }
}

/// A connection that is about to be made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectStarted<'e> {
    /// The origin that it is for.
    pub origin: &'e Arc<Origin>,
}

/// A connection that was given up before it was made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectAbandoned<'e> {
    /// The origin that it was for.
    pub origin: &'e Origin,
    /// How long it was in the making.
    pub duration: Duration,
}

/// A connection that could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectFailure<'e> {
    /// The origin that it was for.
    pub origin: &'e Origin,
    /// What failed. Its text may contain the host.
    pub error: &'e (dyn StdError + Send + Sync + 'static),
    /// How long it took to fail.
    pub duration: Duration,
}

impl ConnectFailure<'_> {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::of_connect(self.error)
    }
}

/// A host name that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameLookup {
    /// The name.
    pub name: String,
    /// How long it took.
    pub duration: Duration,
    /// How many addresses were found, or `None` when the lookup failed.
    pub addresses: Option<usize>,
}

/// A connection that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionClosed {
    /// Why it closed.
    pub reason: CloseReason,
    /// From when it was made to its close.
    pub duration: Duration,
    /// How many response heads came over it. 0 where that is not seen: see
    /// [`ConnectionInfo::plain`](field@ConnectionInfo::plain).
    pub requests: u64,
    /// The HTTP version it spoke, once a response or the TLS handshake said so.
    pub version: Option<Version>,
}

/// Why a connection closed. The strings are the values of the label `reason`.
///
/// It is [`Remote`](Self::Remote) when the first FIN or RST on the wire was that of the other end, and
/// otherwise what this side had closed it for. So a peer that only asks for it, by a GOAWAY of HTTP/2 or a
/// `close_notify` of TLS, has not closed what this side closes at that; and one that hangs up a moment
/// before its session closes it has. Who was first is known by what the kernel counts; where both sides
/// close within microseconds, or HTTP/2 asks and closes at once, a few in a hundred are told the wrong way.
/// A connection whose peer has no room for what was sent closes on the wire when that does, or when the
/// peer gives up: later than its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it: for the end of its session, because the peer had asked for it, or because
    /// a request or a body on it was dropped or ran out of time, which over HTTP/1.1 closes it too.
    SessionClosed,
    /// It had been idle for as long as it may be.
    IdleTimeout,
    /// The other end closed or reset it first.
    Remote,
    /// Not known, since nobody sees closes in this process; or this side closed a connection of a
    /// plain client that was older than an idle one may be, for that or for another reason.
    Unknown,
}

impl CloseReason {
    /// All reasons.
    pub const ALL: &[Self] = &[
        Self::SessionClosed,
        Self::IdleTimeout,
        Self::Remote,
        Self::Unknown,
    ];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionClosed => "session_closed",
            Self::IdleTimeout => "idle_timeout",
            Self::Remote => "remote",
            Self::Unknown => "unknown",
        }
    }
}
