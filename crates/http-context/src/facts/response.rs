//! The head of a response, and the end of its body.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, Version};
use tokio::time::Instant;

use super::connection::{ConnectionInfo, ConnectionUse};

/// The head of a response, as it reached the caller.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResponseHead {
    /// Its status.
    pub status: StatusCode,
    /// The HTTP version it came in.
    pub version: Version,
    /// Whether its connection was new. Exactly one for each response head.
    pub connection_use: ConnectionUse,
    /// Its connection, when that is known.
    pub connection: Option<Arc<ConnectionInfo>>,
    /// How long its connection had been idle when the request was sent, when it was reused.
    pub idle: Option<Duration>,
    /// The address it came from, when that is known.
    pub peer: Option<SocketAddr>,
    /// The length of its body in bytes, when that was announced.
    pub content_length: Option<u64>,
    /// When it was there.
    pub at: Instant,
}

/// The head of a response inside of a chain of middleware: each time that one sends the request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptAnswered {
    /// The connection that it came over.
    pub connection: Arc<ConnectionInfo>,
    /// Whether that was new.
    pub connection_use: ConnectionUse,
    /// How long it had been idle when the request was sent, when it was reused.
    pub idle: Option<Duration>,
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyEnd {
    /// What ended it.
    pub reason: BodyEndReason,
    /// Bytes that the caller was given: where the server has packed the body, and a feature unpacks
    /// it, those that came out.
    pub bytes: u64,
    /// From the response head to the end.
    pub duration: Duration,
    /// From the start of the request to the first bytes that the caller was given; `None` where none
    /// came.
    pub first_chunk: Option<Duration>,
}

/// What ended a response body. The strings are values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyEndReason {
    /// It was read to its end, or had none.
    Complete,
    /// The connection or the peer failed, or it was longer than allowed.
    Failed,
    /// The caller dropped it before its end.
    Dropped,
    /// Its session was closed.
    Aborted,
}

impl BodyEndReason {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Complete, Self::Failed, Self::Dropped, Self::Aborted];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for BodyEndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
