//! A WebSocket as its holder has it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use http::Response;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::control;
use super::halves::{WebSocketReader, WebSocketWriter};
use super::shared::Shared;
use crate::error::WebSocketError;
use crate::facts::UpgradeTraffic;

/// An open WebSocket, from [`WebSocketBuilder::connect`](super::WebSocketBuilder::connect).
///
/// It is a [`Stream`] of messages and a [`Sink`] for them. Pings are answered by itself, and handed
/// out as well, as are pongs, but for those of its heartbeat. After the Close frame of the peer, which
/// is answered and handed out, the stream ends.
///
/// # The end
///
/// The WebSocket belongs to its context. When the exit begins, or the session is closed, it sends a
/// Close frame with the code 1001. The exit waits for the peer's answer until the drain is over, and
/// then closes the connection. Whoever reads until then gets what comes, and afterwards
/// [`WebSocketError::SessionClosed`]. One that is kept past the exit is reported as leaked. A future
/// that reads for ever can end at [`closing`](crate::closing) before that.
///
/// A WebSocket that is dropped without [`close`](Self::close) sends 1001 if that can be written
/// without waiting, and does not wait for an answer: [`UpgradeEnd::is_dropped`](crate::UpgradeEnd)
/// says so of it.
///
/// The example [`websocket_echo`](https://docs.rs/crate/http-context/latest/source/examples/websocket_echo/main.rs)
/// shows one that nobody closes.
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::http_session;
/// use http_context::websocket::{CloseCode, Message};
///
/// let mut socket = http_session()?.websocket("wss://example.com/echo").connect().await?;
/// socket.send(Message::text("hello")).await?;
/// if let Some(answer) = socket.next().await {
///     println!("{}", answer?);
/// }
/// socket.close(CloseCode::Normal, "").await?;
/// # Ok(())
/// # }
/// ```
pub struct WebSocket {
    holder: Holder,
    head: Response<()>,
    subprotocol: Option<String>,
    close_timeout: Duration,
}

impl WebSocket {
    pub(super) fn new(
        shared: Arc<Shared>,
        head: Response<()>,
        subprotocol: Option<String>,
        close_timeout: Duration,
    ) -> Self {
        Self {
            holder: Holder(shared),
            head,
            subprotocol,
            close_timeout,
        }
    }

    /// The next message; `None` once it is closed.
    ///
    /// # Errors
    ///
    /// See [`WebSocketError`]. After an error comes `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    pub async fn next(&mut self) -> Option<Result<Message, WebSocketError>> {
        self.holder.next().await
    }

    /// Sends a message, and returns when all of it is with the operating system.
    ///
    /// # Errors
    ///
    /// See [`WebSocketError`].
    ///
    /// # Cancel safety
    ///
    /// Where the future is dropped the message was sent, will be sent with the next one, or was not
    /// sent at all; never in part.
    pub async fn send(&mut self, message: Message) -> Result<(), WebSocketError> {
        self.holder.send(message).await
    }

    /// Closes it: sends a Close frame with this code and reason, and waits for the peer's. Messages that
    /// come before that are lost. Does nothing if it is closed.
    ///
    /// Of the reason go 123 bytes. A code that no frame may have, such as 1005, is not sent, and the
    /// reason neither.
    ///
    /// # Errors
    ///
    /// [`WebSocketError::CloseTimeout`] where the peer does not answer in time, and others where it
    /// breaks. The connection is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// Where the future is dropped the Close frame may be sent, and nobody waits for the answer.
    pub async fn close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), WebSocketError> {
        let reason = reason.into();
        self.holder.close(code, reason, self.close_timeout).await
    }

    /// Whether the peer answers a ping, and sends nothing else before that. Waits for as long as the
    /// peer takes.
    pub(super) async fn is_alive(&mut self) -> bool {
        const PING: Bytes = Bytes::from_static(b"http-context pool");
        if self.send(Message::Ping(PING)).await.is_err() {
            return false;
        }
        loop {
            match self.next().await {
                Some(Ok(Message::Pong(payload))) if payload == PING => return true,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // Of its last use, or the end.
                _ => return false,
            }
        }
    }

    /// The subprotocol that the server chose.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The head of the handshake's response: its status is 101.
    pub fn response(&self) -> &Response<()> {
        &self.head
    }

    /// What it has carried so far.
    pub fn traffic(&self) -> &UpgradeTraffic {
        self.holder.0.control.traffic()
    }

    /// Two halves, for two tasks. It is dropped with the second of them.
    ///
    /// ```
    /// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_context::http_session;
    /// use http_context::websocket::Message;
    ///
    /// let socket = http_session()?.websocket("wss://example.com/speech").connect().await?;
    /// let (mut reader, mut writer) = socket.into_split();
    /// let heard = http_context::spawn(async move { reader.next().await });
    /// writer.send(Message::binary(vec![0; 320])).await?;
    /// # drop(heard); Ok(())
    /// # }
    /// ```
    pub fn into_split(self) -> (WebSocketReader, WebSocketWriter) {
        let holder = Arc::new(self.holder);
        let reader = WebSocketReader {
            holder: Arc::clone(&holder),
        };
        let close_timeout = self.close_timeout;
        let writer = WebSocketWriter {
            holder,
            close_timeout,
        };
        (reader, writer)
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, WebSocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.holder.0.poll_next(cx)
    }
}

impl Sink<Message> for WebSocket {
    type Error = WebSocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.holder.0.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        self.holder.0.start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.holder.0.poll_flush(cx)
    }

    /// Sends a Close frame with the code 1000, without waiting for the answer.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.holder.0.poll_sink_close(cx)
    }
}

impl fmt::Debug for WebSocket {
    /// Without the headers, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("subprotocol", &self.subprotocol)
            .field("traffic", self.traffic())
            .finish_non_exhaustive()
    }
}

/// Whoever holds a socket. It ends with the last of them.
pub(super) struct Holder(pub(super) Arc<Shared>);

impl Holder {
    pub(super) async fn next(&self) -> Option<Result<Message, WebSocketError>> {
        poll_fn(|cx| self.0.poll_next(cx)).await
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), WebSocketError> {
        let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
        let mut message = Some(if is_data {
            message
        } else {
            control::fit(message)?
        });
        poll_fn(|cx| self.0.poll_send(cx, &mut message)).await
    }

    pub(super) async fn close(
        &self,
        code: CloseCode,
        reason: Utf8Bytes,
        limit: Duration,
    ) -> Result<(), WebSocketError> {
        let frame = CloseFrame { code, reason };
        self.0.begin_close(frame)?;
        let is_closed = poll_fn(|cx| self.0.poll_closed(cx));
        if let Ok(result) = timeout(limit, is_closed).await {
            return result;
        }
        self.0.close_timed_out();
        Err(WebSocketError::CloseTimeout(limit))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.dropped();
    }
}
