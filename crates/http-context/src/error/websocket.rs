//! A WebSocket was not opened, or has ended.

use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName};
use thiserror::Error;
use tokio_tungstenite::tungstenite;

use super::context::SessionClosed;
use super::request::RequestError;

/// A WebSocket was not opened, or has ended otherwise than by its close.
///
/// The first three of them are about its handshake. After any of the others the WebSocket is over, and
/// its connection closed, but for [`TooLongToSend`](Self::TooLongToSend) and [`Closed`](Self::Closed),
/// which are about what was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// The request of the handshake could not be made, or got no response.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server answered, and opened no WebSocket.
    #[error(transparent)]
    Refused(Box<WebSocketRefusal>),
    /// The server opened a WebSocket that is not the one which was asked for.
    #[error("the handshake does not fit: {0}")]
    Mismatch(HandshakeMismatch),
    /// The handshake took too long, the wait for a slot of the host included.
    #[error("no WebSocket was opened within {0:?}")]
    HandshakeTimeout(Duration),
    /// The peer sends a message, or a frame of one, that is longer than what is allowed here.
    #[error("the peer sends {size} bytes at once, where at most {limit} are allowed")]
    TooLong {
        /// How long it is, as far as it is known.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The message is longer than what the buffer for sending may grow to, or a ping or pong of more than
    /// 125 bytes. Nothing of it was sent.
    #[error("the message is longer than what can be sent")]
    TooLongToSend,
    /// The peer does not keep to the protocol.
    #[error("the peer does not keep to the WebSocket protocol")]
    Protocol(#[source] tungstenite::Error),
    /// The peer did not answer a ping within the interval of the heartbeat.
    #[error("the peer did not answer a ping within {0:?}")]
    HeartbeatTimeout(Duration),
    /// The peer did not answer the Close frame in time.
    #[error("the peer did not answer the Close frame within {0:?}")]
    CloseTimeout(Duration),
    /// The session was closed, by the exit of its context or before.
    #[error(transparent)]
    SessionClosed(SessionClosed),
    /// It was closed before, by either end: nothing more is sent.
    #[error("the WebSocket is closed")]
    Closed,
    /// The connection ended without a Close frame.
    #[error("the connection of the WebSocket ended without a Close frame")]
    ConnectionLost(#[source] io::Error),
}

impl WebSocketError {
    /// Whether the session was closed under it.
    pub fn is_session_closed(&self) -> bool {
        match self {
            Self::SessionClosed(_) => true,
            Self::Request(error) => error.is_session_closed(),
            _ => false,
        }
    }

    /// Whether something took too long: the handshake, the answer to a ping or to a Close frame.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::HandshakeTimeout(_) | Self::HeartbeatTimeout(_) | Self::CloseTimeout(_) => true,
            Self::Request(error) => error.is_timeout(),
            _ => false,
        }
    }

    pub(crate) fn of(error: tungstenite::Error) -> Self {
        use tungstenite::Error;
        use tungstenite::error::{CapacityError, ProtocolError};
        match error {
            Error::Io(error) => Self::of_io(error),
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => Self::TooLong {
                size,
                limit: max_size,
            },
            Error::WriteBufferFull(_) => Self::TooLongToSend,
            Error::AlreadyClosed
            | Error::ConnectionClosed
            | Error::Protocol(ProtocolError::SendAfterClosing) => Self::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Self::ConnectionLost(io::ErrorKind::UnexpectedEof.into())
            }
            other => Self::Protocol(other),
        }
    }

    fn of_io(error: io::Error) -> Self {
        match SessionClosed::find(&error) {
            Some(closed) => Self::SessionClosed(closed.clone()),
            None => Self::ConnectionLost(error),
        }
    }
}

/// A server that answered the handshake of a WebSocket without opening one.
#[derive(Debug)]
#[non_exhaustive]
pub struct WebSocketRefusal {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, which may contain secrets.
    pub headers: HeaderMap,
    /// The first 4 KiB of its body, redacted as errors are, and with what is not UTF-8 replaced. Empty
    /// where it did not come in time.
    pub body: String,
}

impl fmt::Display for WebSocketRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server answered {} and opened no WebSocket",
            self.status
        )?;
        match self.body.lines().next() {
            Some(line) if !line.is_empty() => write!(f, ": {line}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for WebSocketRefusal {}

/// What of an answer with status 101 is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeMismatch {
    /// The header `Upgrade` or `Connection` names no WebSocket.
    Header(HeaderName),
    /// `Sec-WebSocket-Accept` does not answer the key: something between here and the server answers
    /// from a cache, or the server speaks no WebSocket.
    AcceptKey,
    /// The server chose a subprotocol that was not asked for.
    Subprotocol(String),
    /// Subprotocols were asked for, and the server chose none.
    NoSubprotocol,
    /// The server uses an extension, and none was asked for.
    Extension(String),
}

impl fmt::Display for HandshakeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}` names no WebSocket"),
            Self::AcceptKey => f.write_str("`sec-websocket-accept` does not answer the key"),
            Self::Subprotocol(chosen) => {
                write!(
                    f,
                    "the server chose the subprotocol {chosen:?}, which was not asked for"
                )
            }
            Self::NoSubprotocol => {
                f.write_str("the server chose none of the subprotocols that were asked for")
            }
            Self::Extension(extension) => {
                write!(
                    f,
                    "the server uses the extension {extension:?}, which was not asked for"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ReadTimeout, RequestFailure};

    #[test]
    fn a_refusal_shows_the_first_line_of_its_body_where_that_says_something() {
        let shown = |body: &str| {
            let refusal = WebSocketRefusal {
                status: StatusCode::NOT_FOUND,
                headers: HeaderMap::new(),
                body: body.to_owned(),
            };
            refusal.to_string()
        };
        let all = "the server answered 404 Not Found and opened no WebSocket";
        assert_eq!(shown("who?\nwhat?"), format!("{all}: who?"));
        assert_eq!(shown("\nwhat?"), all);
        assert_eq!(shown(""), all);
    }

    #[test]
    fn a_handshake_whose_request_took_too_long_did_so_itself() {
        let limit = Duration::from_secs(1);
        let failure = RequestFailure::ReadTimeout(ReadTimeout { limit });
        let error = WebSocketError::Request(RequestError::from(failure));
        assert!(error.is_timeout() && !error.is_session_closed());
    }
}
