//! No socket is to be had of a pool.

use std::error::Error as StdError;
use std::time::Duration;

use deadpool::managed::PoolError;
use thiserror::Error;

use super::manager::ConnectError;

/// No socket is to be had of a [`WebSocketPool`](super::WebSocketPool).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebSocketPoolError {
    /// None could be opened.
    #[error(transparent)]
    Connect(Box<dyn StdError + Send + Sync>),
    /// All were in use for as long as one may wait.
    #[error("no WebSocket of the pool was free within {0:?}")]
    WaitTimeout(Duration),
    /// The pool is closed: by `close`, or since the context exits in which it was built.
    #[error("the pool of WebSockets is closed")]
    Closed,
}

impl WebSocketPoolError {
    pub(super) fn of(error: PoolError<ConnectError>, wait_timeout: Duration) -> Self {
        match error {
            PoolError::Backend(ConnectError(error)) => Self::Connect(error),
            // The only one that is set.
            PoolError::Timeout(_) => Self::WaitTimeout(wait_timeout),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Closed
            }
        }
    }
}
