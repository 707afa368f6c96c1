//! Why a connection closed.

/// Why a connection closed. The strings are the values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// Its session was closed.
    SessionClosed,
    /// It had been idle for as long as it may be.
    IdleTimeout,
    /// The other end closed or reset it.
    Remote,
    /// Not to be told: the operating system shows no closes, or the caller dropped a request or a
    /// body on it, which closes it too.
    Unknown,
}

impl CloseReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [
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
