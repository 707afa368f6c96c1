//! A context could not be opened, or gives no session.

use std::error::Error as StdError;

use thiserror::Error;

use super::build::BuildError;
use super::context::{ContextClosed, NestedDenied, NoContext, SessionClosed};
use super::pool::PoolError;

/// A context could not be opened, or its work met no session.
///
/// As the error of [`open`](crate::open) itself it says that the work was not started. Work whose
/// own error it is gets the last two variants by `?` from
/// [`http_session`](crate::http_session) where there is no open context.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bound context denies nested ones.
    #[error(transparent)]
    NestedDenied(#[from] NestedDenied),
    /// Its session could not be built.
    #[error("the session of a new HTTP context could not be built")]
    Build(#[from] BuildError),
    /// It got no permit of its pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Nothing is bound to the task that asked for a session.
    #[error(transparent)]
    NoContext(#[from] NoContext),
    /// What is bound to the task that asked for a session has exited.
    #[error(transparent)]
    ContextClosed(#[from] ContextClosed),
    /// The session that was asked for a client is closed.
    #[error(transparent)]
    SessionClosed(#[from] SessionClosed),
}

/// There is no session to be had here.
///
/// ```
/// use http_context::{SessionError, http_session};
///
/// // A library that does without where there is no context.
/// match http_session() {
///     Ok(session) => println!("{}", session.context().id()),
///     Err(SessionError::NoContext(_)) => println!("not within a job"),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Nothing is bound to this task.
    #[error(transparent)]
    NoContext(#[from] NoContext),
    /// What is bound to this task has exited.
    #[error(transparent)]
    ContextClosed(#[from] ContextClosed),
    /// The session could not be built.
    #[error("the session of this HTTP context could not be built")]
    Build(#[from] BuildError),
    /// The context has no permit of its pool, and none is free.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The session that was asked for a client is closed.
    #[error(transparent)]
    SessionClosed(#[from] SessionClosed),
}

impl From<SessionError> for OpenError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NoContext(error) => error.into(),
            SessionError::ContextClosed(error) => error.into(),
            SessionError::Build(error) => error.into(),
            SessionError::Pool(error) => error.into(),
            SessionError::SessionClosed(error) => error.into(),
        }
    }
}

impl OpenError {
    /// What it stands for, or was made from.
    pub(super) fn held(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::NestedDenied(error) => error,
            Self::Build(error) => error,
            Self::Pool(error) => error,
            Self::NoContext(error) => error,
            Self::ContextClosed(error) => error,
            Self::SessionClosed(error) => error,
        }
    }
}

impl SessionError {
    /// What it stands for, or was made from.
    pub(super) fn held(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::NoContext(error) => error,
            Self::ContextClosed(error) => error,
            Self::Build(error) => error,
            Self::Pool(error) => error,
            Self::SessionClosed(error) => error,
        }
    }
}
