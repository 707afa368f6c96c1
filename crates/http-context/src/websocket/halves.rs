//! The two halves of a socket.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::socket::Holder;
use crate::error::WebSocketError;

/// What reads a WebSocket, from [`WebSocket::into_split`](super::WebSocket::into_split).
pub struct WebSocketReader {
    pub(super) holder: Arc<Holder>,
}

/// What writes a WebSocket, from [`WebSocket::into_split`](super::WebSocket::into_split).
pub struct WebSocketWriter {
    pub(super) holder: Arc<Holder>,
    pub(super) close_timeout: Duration,
}

impl WebSocketReader {
    /// As [`WebSocket::next`](super::WebSocket::next).
    ///
    /// # Errors
    ///
    /// See [`WebSocketError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    pub async fn next(&mut self) -> Option<Result<Message, WebSocketError>> {
        self.holder.next().await
    }
}

impl Stream for WebSocketReader {
    type Item = Result<Message, WebSocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.holder.0.poll_next(cx)
    }
}

impl fmt::Debug for WebSocketReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketReader").finish_non_exhaustive()
    }
}

impl WebSocketWriter {
    /// As [`WebSocket::send`](super::WebSocket::send).
    ///
    /// # Errors
    ///
    /// See [`WebSocketError`].
    ///
    /// # Cancel safety
    ///
    /// As for [`WebSocket::send`](super::WebSocket::send).
    pub async fn send(&mut self, message: Message) -> Result<(), WebSocketError> {
        self.holder.send(message).await
    }

    /// As [`WebSocket::close`](super::WebSocket::close). Messages that come before the peer's answer
    /// go to the reader, if it takes them first.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::close`](super::WebSocket::close).
    ///
    /// # Cancel safety
    ///
    /// As for [`WebSocket::close`](super::WebSocket::close).
    pub async fn close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), WebSocketError> {
        let reason = reason.into();
        self.holder.close(code, reason, self.close_timeout).await
    }
}

impl Sink<Message> for WebSocketWriter {
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

impl fmt::Debug for WebSocketWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketWriter").finish_non_exhaustive()
    }
}
