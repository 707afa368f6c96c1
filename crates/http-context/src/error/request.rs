//! A request got no response.

use std::error::Error as StdError;
use std::time::Duration;

use thiserror::Error;

use super::chain::chain;
use super::context::SessionClosed;
use super::redirect::RedirectError;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A request got no response.
///
/// No text of it holds a secret of the URL: user info and the values of signing parameters are
/// redacted before the error is made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The session was closed before the request, or while it was in flight.
    #[error(transparent)]
    SessionClosed(#[from] SessionClosed),
    /// The request waited too long for a slot at its host, and was never sent.
    #[error(
        "timed out waiting for a slot at {host}: all {limit} are in use after {waited:?}; raise \
         `max_connections_per_host` or `queue_timeout`, or read responses to their end"
    )]
    QueueTimeout {
        /// The host, with its port.
        host: String,
        /// How many requests to it may be under way at once.
        limit: usize,
        /// How long this one waited.
        waited: Duration,
    },
    /// A redirect was not followed.
    #[error("the HTTP request was redirected to where it does not go")]
    Redirect(#[from] RedirectError),
    /// `reqwest` failed; its error distinguishes connect, timeout and body.
    #[error("the HTTP request failed")]
    Request(#[source] reqwest::Error),
    /// A middleware failed.
    #[error("a middleware failed the HTTP request")]
    Middleware(#[source] BoxError),
}

impl RequestError {
    /// Whether the session was closed.
    pub fn is_session_closed(&self) -> bool {
        matches!(self, Self::SessionClosed(_))
    }

    /// Whether a time limit ended the request: that of `reqwest`, or that of the queue.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::QueueTimeout { .. } => true,
            Self::Request(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        self.as_reqwest().is_some_and(reqwest::Error::is_connect)
    }

    /// Why a redirect was not followed, when that is what failed it.
    pub fn as_redirect(&self) -> Option<&RedirectError> {
        chain(self).find_map(|error| match error.downcast_ref() {
            Some(Self::Redirect(error)) => Some(error),
            _ => error.downcast_ref(),
        })
    }

    /// The error of `reqwest`, when there is one.
    pub fn as_reqwest(&self) -> Option<&reqwest::Error> {
        match self {
            Self::Request(error) => Some(error),
            _ => None,
        }
    }
}

impl From<reqwest_middleware::Error> for RequestError {
    fn from(error: reqwest_middleware::Error) -> Self {
        match error {
            reqwest_middleware::Error::Reqwest(error) => Self::Request(error),
            // A chain may hold a client of ours further in: its own error comes out again.
            reqwest_middleware::Error::Middleware(error) => match error.downcast::<Self>() {
                Ok(error) => error,
                Err(error) => match error.downcast::<SessionClosed>() {
                    Ok(closed) => Self::SessionClosed(closed),
                    Err(error) => Self::Middleware(error.into()),
                },
            },
        }
    }
}

/// For middleware chains and for SDKs that speak `reqwest_middleware`.
impl From<RequestError> for reqwest_middleware::Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Request(error) => Self::Reqwest(error),
            error => Self::middleware(error),
        }
    }
}

impl SessionClosed {
    /// Looks for a closed session among an error and its sources.
    ///
    /// A response body that is cut off ends with a [`reqwest::Error`]; this finds out whether the
    /// end of the session is what cut it off.
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        chain(error).find_map(|error| match error.downcast_ref() {
            Some(RequestError::SessionClosed(closed)) => Some(closed),
            _ => error.downcast_ref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NoContext;
    use crate::identity::{ContextId, SessionId};

    #[test]
    fn a_closed_session_is_found_behind_other_errors() {
        let closed = SessionClosed {
            session: SessionId::next(),
            context: ContextId::next(),
            opened_at: std::panic::Location::caller(),
        };
        let outer = RequestError::Middleware(Box::new(std::io::Error::other(closed.clone())));
        assert_eq!(SessionClosed::find(&outer), Some(&closed));
        assert_eq!(SessionClosed::find(&NoContext), None);
    }
}
