//! A WebSocket being opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::handshake::Handshake;
use super::heartbeat;
use super::shared::Shared;
use super::socket::WebSocket;
use crate::error::{Redaction, UpgradeError, WebSocketError, WebSocketRefusal};
use crate::facts::UpgradeEndReason;
use crate::session::RequestBuilder;

/// How long the handshake may take unless it is set.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long `close` waits for the peer's answer unless it is set.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// What is allocated for each socket as soon as it is open.
const READ_BUFFER: usize = 8 * 1024;
/// How much of the body of a refusal is read.
const MOST_OF_BODY: usize = 4 * 1024;

/// A WebSocket being opened, by
/// [`HttpSession::websocket`](crate::HttpSession::websocket).
///
/// | option | default |
/// |---|---|
/// | [`handshake_timeout`](Self::handshake_timeout) | 30 s |
/// | [`close_timeout`](Self::close_timeout) | 10 s |
/// | [`heartbeat`](Self::heartbeat) | none |
/// | [`max_message_size`](Self::max_message_size) | 64 MiB |
/// | [`max_frame_size`](Self::max_frame_size) | 16 MiB |
/// | [`read_buffer_size`](Self::read_buffer_size) | 8 KiB |
/// | [`max_write_buffer_size`](Self::max_write_buffer_size) | no limit |
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// let socket = http_context::http_session()?
///     .websocket("wss://example.com/speech")
///     .bearer_auth("token")
///     .subprotocol("speech.v1")
///     .heartbeat(Duration::from_secs(30))
///     .max_message_size(1024 * 1024)
///     .connect()
///     .await?;
/// assert_eq!(socket.subprotocol(), Some("speech.v1"));
/// # Ok(())
/// # }
/// ```
#[must_use = "no WebSocket is opened until `connect` is awaited"]
pub struct WebSocketBuilder {
    request: RequestBuilder,
    subprotocols: Vec<String>,
    config: WebSocketConfig,
    handshake_timeout: Duration,
    close_timeout: Duration,
    heartbeat: Option<Duration>,
}

impl WebSocketBuilder {
    pub(super) fn new(request: RequestBuilder) -> Self {
        Self {
            request,
            subprotocols: Vec::new(),
            config: WebSocketConfig::default().read_buffer_size(READ_BUFFER),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            close_timeout: CLOSE_TIMEOUT,
            heartbeat: None,
        }
    }

    /// Adds a header to the handshake. Those that make it one are set afterwards.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|request| request.header(name, value))
    }

    /// Adds headers to the handshake; those of the same name are replaced.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|request| request.headers(headers))
    }

    /// Adds an `Authorization` header with a bearer token.
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.map(|request| request.bearer_auth(token))
    }

    /// Adds an `Authorization` header for basic authentication.
    pub fn basic_auth(
        self,
        username: impl fmt::Display,
        password: Option<impl fmt::Display>,
    ) -> Self {
        self.map(|request| request.basic_auth(username, password))
    }

    /// Offers a subprotocol, after those that were offered before. The server has to choose one of
    /// them, else `connect` fails.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// How long `connect` may take, the wait for a slot of the host and redirects included.
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.handshake_timeout = limit;
        self
    }

    /// How long [`close`](WebSocket::close) waits for the peer's answer. At the exit of its context it
    /// is the drain timeout that counts.
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = limit;
        self
    }

    /// Sends a ping each interval. Where no pong has come by the next, the WebSocket ends with
    /// [`WebSocketError::HeartbeatTimeout`].
    ///
    /// It goes on whether or not anybody reads: up to 64 messages, or 256 KiB, are read ahead to find
    /// a pong that is behind them. Beyond that, and while a long message is on its way in either
    /// direction, a silent peer cannot be told from a slow holder, and is waited for. A task looks
    /// after it, which ends with the socket. An interval of zero is none.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = (!interval.is_zero()).then_some(interval);
        self
    }

    /// The longest message in bytes that is received.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config = self.config.max_message_size(Some(bytes));
        self
    }

    /// The longest frame of a message in bytes that is received; never more than a message may have.
    ///
    /// A peer has only to announce a frame to have as much memory set aside for it.
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.config = self.config.max_frame_size(Some(bytes));
        self
    }

    /// How many bytes are read at once, which each socket has allocated while it is open.
    pub fn read_buffer_size(mut self, bytes: usize) -> Self {
        self.config = self.config.read_buffer_size(bytes);
        self
    }

    /// How many bytes are kept while the peer does not take them, at least 1. Sending more fails with
    /// [`WebSocketError::TooLongToSend`].
    pub fn max_write_buffer_size(mut self, bytes: usize) -> Self {
        let bytes = bytes.max(1);
        let config = self.config.max_write_buffer_size(bytes);
        // The library wants the one to be less than the other.
        self.config = config.write_buffer_size(config.write_buffer_size.min(bytes - 1));
        self
    }

    /// Hands a value to the middleware of the session.
    pub fn with_extension<T: Clone + Send + Sync + 'static>(self, extension: T) -> Self {
        self.map(|request| request.with_extension(extension))
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// [`WebSocketError::Request`] where the handshake got no response, `Refused` where it got another
    /// one than 101, `Mismatch` where what the server opened does not fit, and `HandshakeTimeout`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the handshake, and closes its connection.
    pub async fn connect(self) -> Result<WebSocket, WebSocketError> {
        let Self {
            mut request,
            subprotocols,
            mut config,
            handshake_timeout: limit,
            close_timeout,
            heartbeat,
        } = self;
        // No frame can be longer than its message, and the library sets memory aside for what a frame
        // says of its length.
        config.max_frame_size = config.max_frame_size.min(config.max_message_size);
        let deadline = Instant::now() + limit;
        let redaction = request.redaction();
        if !subprotocols.is_empty() {
            request = request.header(header::SEC_WEBSOCKET_PROTOCOL, subprotocols.join(", "));
        }
        let handshake = Handshake::new(subprotocols);
        let upgrading = request.upgrade_prepared(|request| handshake.ask(request));
        let upgraded = match timeout_at(deadline, upgrading).await {
            Err(_) => return Err(WebSocketError::HandshakeTimeout(limit)),
            Ok(Ok(upgraded)) => upgraded,
            Ok(Err(UpgradeError::Request(error))) => return Err(WebSocketError::Request(error)),
            Ok(Err(UpgradeError::Refused(response))) => {
                return Err(refusal(*response, &redaction, deadline).await);
            }
        };
        let (head, handle) = upgraded.into_parts();
        let control = handle.control();
        let subprotocol = handshake.check(head.headers()).map_err(|mismatch| {
            control.note_end(UpgradeEndReason::Failed);
            WebSocketError::Mismatch(mismatch)
        })?;
        let stream = WebSocketStream::from_raw_socket(handle, Role::Client, Some(config)).await;
        let shared = Shared::new(stream, control, heartbeat.is_some());
        let socket = WebSocket::new(Arc::clone(&shared), head, subprotocol, close_timeout);
        if let Some(interval) = heartbeat {
            heartbeat::begin(&shared, interval);
        }
        Ok(socket)
    }

    fn map(mut self, f: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = f(self.request);
        self
    }
}

/// What the server says where it opens no WebSocket, as far as that comes in time.
async fn refusal(
    mut response: Response,
    redaction: &Redaction,
    deadline: Instant,
) -> WebSocketError {
    let mut body = Vec::new();
    while body.len() < MOST_OF_BODY
        && let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MOST_OF_BODY);
    let body = String::from_utf8_lossy(&body);
    WebSocketError::Refused(Box::new(WebSocketRefusal {
        status: response.status(),
        headers: response.headers().clone(),
        body: redaction.redact_text(&body).into_owned(),
    }))
}

impl fmt::Debug for WebSocketBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketBuilder")
            .field("request", &self.request)
            .field("subprotocols", &self.subprotocols)
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}
