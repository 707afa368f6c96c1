//! What can go wrong, one type for each question a caller may ask.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::id::{ContextId, SessionId};
use crate::place::Place;
use crate::pool::PoolError;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Nothing is bound to this task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error(
    "no HTTP context is bound to this task: run the code inside the worker, wrap it in \
     `http_context::open`, or make your own client and pass it in; a bare `tokio::spawn` starts \
     unbound, so spawn with `http_context::spawn` to carry the context to a child task"
)]
#[non_exhaustive]
pub struct NoContext;

/// The context that is bound to this task has exited.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "HTTP context {context}{} was closed {closed_ago:?} ago: it was opened at {opened_at}{}; \
     await the task before its context exits, or open a context of its own in it",
    named(.name.as_deref()),
    spawned(.spawned_at.as_ref())
)]
#[non_exhaustive]
pub struct ContextClosed {
    /// The context that exited.
    pub context: ContextId,
    /// Its name, when it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was opened.
    pub opened_at: Place,
    /// Where this task was spawned from it, when that is how the task came to it.
    pub spawned_at: Option<Place>,
    /// How long ago it closed.
    pub closed_ago: Duration,
}

fn named(name: Option<&str>) -> String {
    name.map(|name| format!(" ({name})")).unwrap_or_default()
}

fn spawned(place: Option<&Place>) -> String {
    place
        .map(|place| format!(", and this task was spawned at {place}"))
        .unwrap_or_default()
}

/// The session behind a handle was closed; the handle will never work again.
///
/// Inside a context that is still open, `http_session()` gives a fresh session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "HTTP session {session} of the context opened at {opened_at} is closed: get a session with \
     `http_session()` where it is used, and keep no handle past the end of its context"
)]
#[non_exhaustive]
pub struct SessionClosed {
    /// The session that was closed.
    pub session: SessionId,
    /// The context that it belonged to.
    pub context: ContextId,
    /// Where that context was opened.
    pub opened_at: Place,
}

impl SessionClosed {
    /// Looks for a closed session among an error and its sources.
    ///
    /// A response body that is cut off ends with a [`reqwest::Error`]; this tells whether the end
    /// of the session is what cut it off.
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(closed) = error.downcast_ref() {
                return Some(closed);
            }
            if let Some(RequestError::SessionClosed(closed)) = error.downcast_ref() {
                return Some(closed);
            }
            next = inner(error);
        }
        None
    }
}

/// What an error was made from; also where its `source` skips that.
fn inner<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        return error.get_ref().map(|inner| inner as _);
    }
    if let Some(reqwest_middleware::Error::Middleware(error)) = error.downcast_ref() {
        return Some(error.as_ref());
    }
    error.source()
}

/// A session could not be built.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `reqwest` refused the client's configuration.
    #[error("the HTTP client could not be built from this configuration")]
    Client(#[source] Arc<reqwest::Error>),
    /// The TLS library refused its configuration.
    #[error("the TLS configuration could not be made")]
    Tls(#[source] Arc<rustls::Error>),
    /// A trust store was named, and nothing could be read from it.
    #[error(
        "{variable} is set, but no certificate can be read from {}: correct it, or unset it to \
         use the system's trust store",
        .path.display()
    )]
    NoTrustRoots {
        /// The environment variable that names the store.
        variable: &'static str,
        /// What it is set to.
        path: PathBuf,
    },
    /// `configure` sets a cookie store, and the session is to be pooled.
    #[error(
        "a session with a cookie store cannot be pooled, since one job's cookies would go out with \
         the requests of the next: set none in `configure`, or open without the pool"
    )]
    PooledCookies,
}

/// `open` inside a context whose nested policy is
/// [`Deny`](crate::NestedPolicy::Deny).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an HTTP context opened at {outer} is already bound to this task, and it denies the nested \
     one opened at {inner}: use `http_session()` there, or choose another `NestedPolicy`"
)]
#[non_exhaustive]
pub struct NestedDenied {
    /// Where the bound context was opened.
    pub outer: Place,
    /// Where the nested `open` was called.
    pub inner: Place,
}

/// A context could not be opened. The work was not started.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bound context denies nested ones.
    #[error(transparent)]
    NestedDenied(#[from] NestedDenied),
    /// Its session could not be built.
    #[error("the session of a new HTTP context could not be built")]
    Build(#[from] BuildError),
    /// It got no place in its pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// There is no session to be had here.
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
    /// The context has no place in its pool, and none is free.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl From<SessionError> for OpenError {
    /// At open there is a context, and it has not exited.
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Build(error) => error.into(),
            SessionError::Pool(error) => error.into(),
            SessionError::NoContext(_) | SessionError::ContextClosed(_) => {
                unreachable!("a context that is being opened is there")
            }
        }
    }
}

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
    /// `reqwest` failed; its error tells connect, timeout, redirect and body apart.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_context_names_the_three_ways_out_and_the_unbound_spawn() {
        let text = NoContext.to_string();
        for part in [
            "inside the worker",
            "`http_context::open`",
            "your own client",
            "`tokio::spawn`",
            "`http_context::spawn`",
        ] {
            assert!(text.contains(part), "{part:?} is missing in {text:?}");
        }
    }

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
