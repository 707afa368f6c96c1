//! The counts of a pool, and why it closes a session.

use crate::id::PoolId;

/// How many sessions a pool has, and how many wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The pool.
    pub pool: PoolId,
    /// How many contexts may have a place at once.
    pub max_size: usize,
    /// Places that contexts have now.
    pub used: usize,
    /// Warm sessions that wait for a context.
    pub idle: usize,
    /// Contexts that wait for a place.
    pub waiting: usize,
    /// Whether it is closed: no context gets a place any more.
    pub is_closed: bool,
    /// The counts of one pool with a higher number were taken later. Threads may tell an observer of
    /// them in another order.
    pub sequence: u64,
}

/// Why a pool closed a session instead of handing it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolCloseReason {
    /// Its context left something behind.
    Leaked,
    /// The exit of its context cut a request or a body off.
    Aborted,
    /// Its context was dropped or panicked, so that nothing was verified.
    Unverified,
    /// It was closed by [`HttpSession::close`](crate::HttpSession::close).
    ClosedEarly,
    /// Nobody took it for too long.
    IdleTimeout,
    /// It is older than it may get.
    MaxLifetime,
    /// It was used on another runtime.
    OtherRuntime,
    /// The pool is closed.
    PoolClosed,
}

impl PoolCloseReason {
    /// A name for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leaked => "leaked",
            Self::Aborted => "aborted",
            Self::Unverified => "unverified",
            Self::ClosedEarly => "closed_early",
            Self::IdleTimeout => "idle_timeout",
            Self::MaxLifetime => "max_lifetime",
            Self::OtherRuntime => "other_runtime",
            Self::PoolClosed => "pool_closed",
        }
    }
}
