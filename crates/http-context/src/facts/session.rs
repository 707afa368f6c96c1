//! Sessions of a context, one after another.

use crate::identity::SessionId;

/// A session that is ready for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStarted {
    /// The session.
    pub session: SessionId,
    /// Where it comes from.
    pub source: SessionSource,
}

/// A session that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionEnded {
    /// The session.
    pub session: SessionId,
}

/// Where a session came from. The strings are the values of the label `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionSource {
    /// Built for its context.
    Created,
    /// Built because the one before was closed while its context was still open.
    Recreated,
    /// Taken warm from a pool.
    Pooled,
}

impl SessionSource {
    /// The value of the label `source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Recreated => "recreated",
            Self::Pooled => "pooled",
        }
    }
}
