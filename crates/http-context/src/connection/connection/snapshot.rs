//! What is shown of a connection to whoever asks what is open.

use std::sync::Arc;

use reqwest::Version;
use tokio::time::Instant;

use super::Connection;
use crate::facts::ConnectionInfo;

/// An open connection, as it was a moment ago. What is on it is known where it has an observer, and
/// was not opened by a [plain client](field@ConnectionInfo::plain).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionSnapshot {
    /// The connection.
    pub info: Arc<ConnectionInfo>,
    /// How many response heads came over it so far.
    pub requests: u64,
    /// Responses on it whose body has not ended.
    pub in_flight: u32,
    /// Since when it has no response on it, if it has none.
    pub idle_since: Option<Instant>,
    /// The HTTP version it speaks, once a response or the TLS handshake said so.
    pub version: Option<Version>,
}

impl Connection {
    /// What is known of it now.
    pub(crate) fn snapshot(&self) -> ConnectionSnapshot {
        let state = self.state.lock();
        ConnectionSnapshot {
            info: Arc::clone(&self.info),
            requests: state.requests,
            in_flight: state.in_flight,
            idle_since: state.idle_since,
            version: state.version,
        }
    }
}
