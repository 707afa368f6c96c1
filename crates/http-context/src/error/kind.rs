//! The kinds of failure that a request meets.

use std::fmt;

/// Why a request got no response. The strings are values of the attribute `error.type`.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::{ErrorKind, http_session};
///
/// match http_session()?.get("https://example.com/").send().await {
///     Ok(response) => println!("{}", response.status()),
///     // Whoever asked is on the way out.
///     Err(error) if error.kind() == ErrorKind::SessionClosed => {}
///     Err(error) => println!("{}: {error}", error.kind().as_str()),
/// }
/// # Ok(())
/// # }
/// ```
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

    /// What a layer makes of an error of the one below is less specific than that one.
    pub(super) fn specificity(self) -> Specificity {
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
pub(super) enum Specificity {
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
