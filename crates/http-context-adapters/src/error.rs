//! Why a request of an adapter failed.

use std::error::Error as StdError;

use http_context::{ErrorKind, RequestError, SessionError};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a request of a [`SessionAdapter`](crate::SessionAdapter) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session to send it by.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// It got no response.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The body of its response failed. Only those adapters give it that read the body themselves.
    #[error("the body of the response failed")]
    Body(#[source] BoxError),
}

impl SendError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Session(error) => ErrorKind::of(error),
            Self::Request(error) => error.kind(),
            Self::Body(error) => ErrorKind::of(&**error),
        }
    }

    /// Whether no connection could be made, so that nothing was sent.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_connect())
    }

    /// The error that it stands for, which can be downcast.
    pub fn into_source(self) -> BoxError {
        match self {
            Self::Session(error) => error.into(),
            Self::Request(error) => error.into(),
            Self::Body(error) => error,
        }
    }

    /// The error of an ambient session, which is boxed since it is of one of two types.
    pub(crate) fn of_ambient(error: BoxError) -> Self {
        error
            .downcast::<RequestError>()
            .map(|error| Self::Request(*error))
            .or_else(|error| error.downcast().map(|error| Self::Session(*error)))
            .expect("an ambient session fails with one of the two")
    }
}
