//! A connection that became something else than HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::connection::ConnectionInfo;
use super::upgrade_traffic::UpgradeTraffic;

/// A connection was upgraded: its request was answered with 101, and from here on it speaks another
/// protocol.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upgrade {
    /// What it speaks.
    pub protocol: UpgradeProtocol,
    /// The connection, where it is known.
    pub connection: Option<Arc<ConnectionInfo>>,
    /// What it carries from here on.
    pub traffic: Arc<UpgradeTraffic>,
}

/// An upgraded connection has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpgradeEnd {
    /// What it spoke.
    pub protocol: UpgradeProtocol,
    /// Who or what ended it.
    pub reason: UpgradeEndReason,
    /// From the head that upgraded it to its end.
    pub duration: Duration,
    /// What it has carried.
    pub traffic: Arc<UpgradeTraffic>,
    /// Whether its holder dropped it while it was open, without a word to the peer: neither shut down
    /// nor, of a WebSocket, closed.
    pub is_dropped: bool,
    /// The code of the Close frame that ended a WebSocket: the peer's, or the one that was sent where
    /// the peer sent none. 1005 where the frame had no code; `None` where there was no such frame, and
    /// for other protocols.
    pub close_code: Option<u16>,
}

/// What an upgraded connection speaks, by the header `Upgrade` of the response. The strings are
/// values of the label `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpgradeProtocol {
    /// WebSocket.
    WebSocket,
    /// Anything else.
    Other,
}

impl UpgradeProtocol {
    /// All of them.
    pub const ALL: &[Self] = &[Self::WebSocket, Self::Other];

    /// The value of the label `protocol`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for UpgradeProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who or what ended an upgraded connection. The strings are values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpgradeEndReason {
    /// Its holder, who shut it down, sent the first Close frame of a WebSocket, or dropped it.
    Local,
    /// The peer, who had closed it before, or sent the first Close frame.
    Remote,
    /// Its session was closed, by the exit of the context or before.
    Exit,
    /// The peer of a WebSocket did not answer a ping in time.
    HeartbeatTimeout,
    /// It broke, or was never made.
    Failed,
}

impl UpgradeEndReason {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Local,
        Self::Remote,
        Self::Exit,
        Self::HeartbeatTimeout,
        Self::Failed,
    ];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Exit => "exit",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for UpgradeEndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
