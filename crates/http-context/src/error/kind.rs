//! What kind of failure a request met, by the types of its errors and never by their texts.

use std::error::Error as StdError;
use std::{fmt, io};

use h2::Reason;

use super::chain::chain;
use super::context::SessionClosed;
use super::request::RequestError;

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
    /// A redirect was not followed: see [`RedirectError`](crate::RedirectError).
    Redirect,
    /// What came was not HTTP.
    InvalidResponse,
    /// The connection, or the stream, ended before the response was whole.
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
    pub const ALL: &[Self] = &[
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
        Self::of_chain(error, false)
    }

    /// As [`of`](Self::of), of an error that was met while connecting: that a stream ended, or
    /// broke off, is then that there is no connection.
    pub(crate) fn of_connect(error: &(dyn StdError + 'static)) -> Self {
        Self::of_chain(error, true)
    }

    fn of_chain(error: &(dyn StdError + 'static), mut is_connect: bool) -> Self {
        let mut kind = Self::Other;
        for error in chain(error) {
            is_connect |= error.downcast_ref().is_some_and(reqwest::Error::is_connect);
            let mut found = of_one(error);
            if is_connect && found.specificity() == Specificity::Stream {
                found = Self::Connection;
            }
            if found.specificity() > kind.specificity() {
                kind = found;
            }
        }
        kind
    }

    /// What a layer makes of an error of the one below is less specific than that one.
    fn specificity(self) -> Specificity {
        match self {
            Self::Other => Specificity::Nothing,
            Self::Connection => Specificity::Broken,
            Self::ResponseEnded | Self::InvalidResponse => Specificity::Stream,
            _ => Specificity::Cause,
        }
    }
}

/// How much a kind says about what happened, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Nothing,
    /// Something went wrong on the way.
    Broken,
    /// Something was wrong with what came.
    Stream,
    Cause,
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
            RequestError::Redirect(_) => ErrorKind::Redirect,
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
    if let Some(error) = error.downcast_ref() {
        return of_h2(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_io(error);
    }
    ErrorKind::Other
}

/// A request body that fails is an error of `hyper`, as the user's. What `reqwest` itself calls the
/// body is that of the response, and its sources say what became of it.
fn of_reqwest(error: &reqwest::Error) -> ErrorKind {
    if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_redirect() {
        ErrorKind::Redirect
    } else if error.is_connect() {
        ErrorKind::Connection
    } else {
        ErrorKind::Other
    }
}

fn of_h2(error: &h2::Error) -> ErrorKind {
    if let Some(error) = error.get_io() {
        return of_io(error);
    }
    if error.is_reset() && !error.is_remote() && !error.is_library() {
        // `hyper` resets a stream when the body that it sends fails.
        return ErrorKind::RequestBody;
    }
    // What this side found wrong with what the other one said; the rest is what that one did.
    let is_wrong = error.is_library()
        && matches!(
            error.reason(),
            Some(
                Reason::PROTOCOL_ERROR
                    | Reason::FRAME_SIZE_ERROR
                    | Reason::COMPRESSION_ERROR
                    | Reason::FLOW_CONTROL_ERROR
            )
        );
    if is_wrong {
        ErrorKind::InvalidResponse
    } else {
        ErrorKind::ResponseEnded
    }
}

/// The end of the stream before the end of what it carries is no broken connection.
fn of_io(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ErrorKind::ResponseEnded,
        // Also what was read and is no chunk.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => ErrorKind::InvalidResponse,
        _ => ErrorKind::Connection,
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
mod tests;
