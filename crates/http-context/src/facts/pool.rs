//! The counts of a pool, and why it closes a session.

use std::time::Duration;

use crate::identity::PoolId;

/// How many sessions a pool has, and how many wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The pool.
    pub pool: PoolId,
    /// How many contexts may have a permit at once.
    pub max_size: usize,
    /// Permits that contexts have now.
    pub used: usize,
    /// Warm sessions that wait for a context.
    pub idle: usize,
    /// Contexts that wait for a permit.
    pub waiting: usize,
    /// Whether it is closed: no context gets a permit any more.
    pub is_closed: bool,
    /// The counts of one pool with a higher number were taken later. Threads may call an observer
    /// in another order.
    pub sequence: u64,
}

/// Why a pool closed a session instead of handing it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolCloseReason {
    /// Its context left something behind; its exit report has the leak.
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

/// A context that got its permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolCheckout {
    /// How long it waited.
    pub waited: Duration,
    /// Whether the permit came with a warm session.
    pub is_warm: bool,
}

/// A context that got no permit in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolTimeout {
    /// How long it waited.
    pub waited: Duration,
}

/// A context that gave its permit back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolReturn {
    /// How long it had the permit.
    pub used: Duration,
}

/// A session that was built for a permit that came without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSessionCreated {
    /// How long it took to build it.
    pub duration: Duration,
}
