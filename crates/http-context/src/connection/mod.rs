//! The connections of a session: which were opened, and which carried a response.
//!
//! `reqwest` does not show its connections, so they are seen from three sides: a connector layer
//! sees them made ([`layer`]), a resolver sees their names looked up ([`resolve`]), and the
//! addresses that come with a response tell which of them carried it ([`table`]). When they close,
//! only the operating system knows: see [`crate::sockets`].

pub(crate) mod layer;
pub(crate) mod resolve;
pub(crate) mod table;

use std::any::Any;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::attached::Attached;
use crate::error_kind::ErrorKind;
use crate::host_slots::Host;
use crate::id::{ConnectionId, SessionId};

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
    /// Not to be known: Unix sockets, named pipes and HTTP/3 tell no addresses, and a middleware
    /// may answer without a connection.
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
    /// The host that it was opened for: that of the request, or of a redirect on its way.
    pub server: Arc<Host>,
    /// Its two ends, when they are known. Through a proxy the peer is the proxy.
    pub addresses: Option<AddressPair>,
    /// Whether HTTP/2 was agreed on in the TLS handshake.
    pub is_http2: bool,
    /// DNS, TCP, and TLS where it applies.
    pub create_duration: Duration,
    pub(crate) attached: Attached,
}

impl ConnectionInfo {
    /// Keeps an observer's own state with the connection, unless there is one of its type; says
    /// whether it was kept.
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

/// A connection that could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectFailure<'e> {
    /// The host that it was for.
    pub server: &'e Host,
    /// What failed. Its text may name the host.
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
