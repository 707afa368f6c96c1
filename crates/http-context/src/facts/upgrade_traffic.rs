//! What an upgraded connection carries, counted while it does.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What an upgraded connection has carried so far, to be read at any time: while it is open, and when
/// it has ended.
pub struct UpgradeTraffic {
    since: Instant,
    /// Of either direction.
    bytes: [AtomicU64; Direction::ALL.len()],
    /// By direction, then by type.
    messages: [[AtomicU64; MessageType::ALL.len()]; Direction::ALL.len()],
    /// When bytes came last, in nanoseconds after `since`; 0 before any came.
    received_at: AtomicU64,
}

impl UpgradeTraffic {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            bytes: Default::default(),
            messages: Default::default(),
            received_at: AtomicU64::default(),
        }
    }

    /// When the head came that upgraded the connection.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Bytes of the protocol that went this way: with its framing, without TLS.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.bytes[direction as usize].load(Ordering::Relaxed)
    }

    /// Whole messages of this type that went this way over a WebSocket, whoever speaks it: those that
    /// came to this process, and those that left it. One in fragments is one. 0 for other protocols.
    pub fn messages(&self, direction: Direction, of: MessageType) -> u64 {
        self.messages[direction as usize][of as usize].load(Ordering::Relaxed)
    }

    /// How long ago bytes came last, or since it was upgraded where none has come so far.
    pub fn quiet_for(&self) -> Duration {
        let last = Duration::from_nanos(self.received_at.load(Ordering::Relaxed));
        self.since.elapsed().saturating_sub(last)
    }

    /// Grows with whatever it carries.
    pub(crate) fn total(&self) -> u64 {
        let messages = self.messages.iter().flatten();
        let counts = self.bytes.iter().chain(messages);
        counts.fold(0, |sum, count| {
            sum.wrapping_add(count.load(Ordering::Relaxed))
        })
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes[Direction::Sent as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.bytes[Direction::Received as usize].fetch_add(bytes, Ordering::Relaxed);
        let nanos = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.received_at.store(nanos, Ordering::Relaxed);
    }

    pub(crate) fn message(&self, direction: Direction, of: MessageType) {
        self.messages[direction as usize][of as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for UpgradeTraffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeTraffic")
            .field("sent", &self.bytes(Direction::Sent))
            .field("received", &self.bytes(Direction::Received))
            .finish_non_exhaustive()
    }
}

/// Which way something went. The strings are values of the label `direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Direction {
    /// From this process.
    Sent,
    /// To this process.
    Received,
}

impl Direction {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Sent, Self::Received];

    /// The value of the label `direction`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a message of a WebSocket is. The strings are values of the label `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageType {
    /// Text, which is UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// Asks whether the peer is there.
    Ping,
    /// Answers a ping.
    Pong,
    /// Begins, or answers, the end of the WebSocket.
    Close,
}

impl MessageType {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Text,
        Self::Binary,
        Self::Ping,
        Self::Pong,
        Self::Close,
    ];

    /// The value of the label `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
