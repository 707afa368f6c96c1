//! What kind of failure a request met, told from the types of its errors and never from texts.

use std::error::Error as StdError;
use std::fmt;

use crate::error::{RequestError, SessionClosed};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a request got no response. The strings are values of the attribute `error.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A time limit of the request ran out.
    Timeout,
    /// No connection could be made, or it broke.
    Connection,
    /// The name of the host could not be resolved.
    NameResolution,
    /// TLS failed.
    SecureConnection,
    /// A redirect was not followed: too many, or a loop.
    Redirect,
    /// What came was not HTTP.
    InvalidResponse,
    /// The connection ended before the response head was there.
    ResponseEnded,
    /// The body of the request failed while it was read.
    RequestBody,
    /// No slot at the host came free in time.
    QueueTimeout,
    /// The session was closed.
    SessionClosed,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// All kinds, in the order of the catalogue.
    pub const ALL: [Self; 11] = [
        Self::Timeout,
        Self::Connection,
        Self::NameResolution,
        Self::SecureConnection,
        Self::Redirect,
        Self::InvalidResponse,
        Self::ResponseEnded,
        Self::RequestBody,
        Self::QueueTimeout,
        Self::SessionClosed,
        Self::Other,
    ];

    /// The value of the attribute `error.type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection_error",
            Self::NameResolution => "name_resolution_error",
            Self::SecureConnection => "secure_connection_error",
            Self::Redirect => "redirect_error",
            Self::InvalidResponse => "invalid_response",
            Self::ResponseEnded => "response_ended",
            Self::RequestBody => "request_body_error",
            Self::QueueTimeout => "queue_timeout",
            Self::SessionClosed => "session_closed",
            Self::Other => "_OTHER",
        }
    }

    /// Classifies any error by itself and its sources; the one that says most decides.
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut kind = Self::Other;
        let mut next = Some(error);
        while let Some(error) = next {
            let found = of_one(error);
            // Both are what a layer above makes of an error that its source names better.
            if !matches!(found, Self::Other) && matches!(kind, Self::Other | Self::Connection) {
                kind = found;
            }
            next = match error.downcast_ref::<std::io::Error>() {
                // Its `source` skips the error that it was made from.
                Some(error) => error.get_ref().map(|inner| inner as _),
                None => error.source(),
            };
        }
        kind
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RequestError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::of(self)
    }
}

fn of_one(error: &(dyn StdError + 'static)) -> ErrorKind {
    if let Some(error) = error.downcast_ref::<RequestError>() {
        return match error {
            RequestError::QueueTimeout { .. } => ErrorKind::QueueTimeout,
            RequestError::SessionClosed(_) => ErrorKind::SessionClosed,
            RequestError::Request(error) => of_reqwest(error),
            RequestError::Middleware(_) => ErrorKind::Other,
        };
    }
    if let Some(error) = error.downcast_ref() {
        return of_reqwest(error);
    }
    if error.is::<SessionClosed>() {
        return ErrorKind::SessionClosed;
    }
    if error.is::<NameNotResolved>() {
        return ErrorKind::NameResolution;
    }
    if error.is::<rustls::Error>() {
        return ErrorKind::SecureConnection;
    }
    if let Some(error) = error.downcast_ref() {
        return of_hyper(error);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return if error.is_io() {
            ErrorKind::Connection
        } else {
            ErrorKind::ResponseEnded
        };
    }
    if error.is::<std::io::Error>() {
        return ErrorKind::Connection;
    }
    ErrorKind::Other
}

fn of_reqwest(error: &reqwest::Error) -> ErrorKind {
    if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_redirect() {
        ErrorKind::Redirect
    } else if error.is_connect() {
        ErrorKind::Connection
    } else if error.is_body() {
        ErrorKind::RequestBody
    } else {
        ErrorKind::Other
    }
}

fn of_hyper(error: &hyper::Error) -> ErrorKind {
    if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_user() {
        ErrorKind::RequestBody
    } else if error.is_parse() {
        ErrorKind::InvalidResponse
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        ErrorKind::ResponseEnded
    } else {
        ErrorKind::Other
    }
}

/// Marks a failed lookup, whatever the resolver's own error is.
#[derive(Debug, thiserror::Error)]
#[error("the name of the host could not be resolved")]
pub(crate) struct NameNotResolved(#[source] pub(crate) BoxError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_behind_other_errors() {
        let wrapped = |error: BoxError| {
            ErrorKind::of(&RequestError::Middleware(Box::new(std::io::Error::other(
                error,
            ))))
        };
        assert_eq!(
            wrapped(Box::new(NameNotResolved("no such host".into()))),
            ErrorKind::NameResolution
        );
        assert_eq!(
            wrapped(Box::new(rustls::Error::HandshakeNotComplete)),
            ErrorKind::SecureConnection
        );
        assert_eq!(wrapped("anything".into()), ErrorKind::Connection);
        let text = RequestError::Middleware("timeout, connection refused".into());
        assert_eq!(text.kind(), ErrorKind::Other);
    }
}
