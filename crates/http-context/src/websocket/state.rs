//! What is known of a socket, under its lock.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream as _;
use futures_sink::Sink as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::wakers::Waiting;
use crate::error::WebSocketError;
use crate::exchange::UpgradeHandle;

/// What a ping of the heartbeat carries, so that its pong is known from those of the holder.
pub(super) const HEARTBEAT: &[u8] = b"http-context heartbeat";

/// How much is read for a holder that does not read, to find what stands behind it.
const MOST_AHEAD: usize = 64;
const MOST_BYTES_AHEAD: usize = 256 * 1024;

/// A socket: its protocol, and how far it has got.
#[allow(
    clippy::struct_excessive_bools,
    reason = "the steps of a close, which come in any order"
)]
pub(super) struct State {
    stream: WebSocketStream<UpgradeHandle>,
    /// What was read for a holder that was not reading.
    ahead: VecDeque<Message>,
    bytes_ahead: usize,
    /// What its reader is to hear at the end of it.
    pub(super) failure: Option<WebSocketError>,
    pub(super) has_sent_close: bool,
    pub(super) has_received_close: bool,
    /// A Close frame waits to be written, which is done by whoever polls next.
    owes_close: bool,
    /// The Close frame was sent since its session closes.
    pub(super) is_closed_by_session: bool,
    /// Nothing is read or written any more.
    pub(super) is_over: bool,
    has_heartbeat: bool,
    /// Who waits, as long as the connection wakes them itself.
    pub(super) waiting: Waiting,
    /// Whether it wakes them by one waker for all.
    pub(super) is_shared: bool,
}

impl State {
    pub(super) fn new(stream: WebSocketStream<UpgradeHandle>, has_heartbeat: bool) -> Self {
        Self {
            stream,
            ahead: VecDeque::new(),
            bytes_ahead: 0,
            failure: None,
            has_sent_close: false,
            has_received_close: false,
            owes_close: false,
            is_closed_by_session: false,
            is_over: false,
            has_heartbeat,
            waiting: Waiting::default(),
            is_shared: false,
        }
    }

    /// Whether both ends have said that they close.
    pub(super) fn is_closed(&self) -> bool {
        self.has_sent_close && self.has_received_close
    }

    /// What was read already.
    #[inline]
    pub(super) fn take_ahead(&mut self) -> Option<Message> {
        let message = self.ahead.pop_front()?;
        self.bytes_ahead -= message.len();
        Some(message)
    }

    pub(super) fn has_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Whether something may have come that is not read for a holder who does not.
    pub(super) fn is_ahead_full(&self) -> bool {
        self.ahead.len() >= MOST_AHEAD || self.bytes_ahead >= MOST_BYTES_AHEAD
    }

    /// Reads a message. A Close frame of the peer is answered at once, if that can be written.
    #[inline]
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.owes_close {
            self.poll_owed(cx);
        }
        loop {
            let polled = Pin::new(&mut self.stream).poll_next(cx);
            if self.has_received_close && is_of_what_was_said(&polled) {
                // What the peer says after its Close frame is for nobody.
                return Poll::Ready(None);
            }
            if let Poll::Ready(Some(Ok(message))) = &polled {
                match message {
                    Message::Pong(payload) if self.has_heartbeat && payload == HEARTBEAT => {
                        continue;
                    }
                    Message::Close(_) => {
                        self.has_received_close = true;
                        self.owes_close |= !self.has_sent_close;
                        self.poll_owed(cx);
                    }
                    _ => {}
                }
            }
            return polled;
        }
    }

    /// Writes a Close frame that could not be written when it was sent: that of this end, or the answer
    /// to the peer's, which tungstenite has made. Reading alone writes neither.
    fn poll_owed(&mut self, cx: &mut Context<'_>) {
        if self.owes_close && self.poll_flush(cx).is_ready() {
            self.owes_close = false;
            self.has_sent_close = true;
        }
    }

    /// Reads for a holder that does not, up to a limit. Ready when nothing more is to be expected:
    /// both ends have closed it, or it broke.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_owed(cx);
        while !self.is_closed() {
            if self.is_ahead_full() {
                return Poll::Pending;
            }
            match ready!(self.poll_read(cx)) {
                Some(Ok(message)) => {
                    self.bytes_ahead += message.len();
                    self.ahead.push_back(message);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_ready(cx)
    }

    #[inline]
    pub(super) fn start_send(&mut self, message: Message) -> Result<(), Error> {
        let is_close = matches!(message, Message::Close(_));
        let sent = Pin::new(&mut self.stream).start_send(message);
        self.has_sent_close |= is_close;
        self.owes_close |= is_close;
        sent
    }

    #[inline]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Sends this, if it was not sent so far, and flushes it.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        if message.is_some() {
            ready!(self.poll_ready(cx))?;
        }
        if let Some(message) = message.take() {
            self.start_send(message)?;
        }
        self.poll_flush(cx)
    }

    /// Sends a Close frame, as far as that goes without waiting.
    pub(super) fn say_close(&mut self, code: CloseCode, reason: &'static str) {
        if self.is_over || self.has_sent_close {
            return;
        }
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        // It is written at once where it can be. Where it cannot the connection ends without it.
        let _ = self.start_send(Message::Close(Some(frame)));
    }

    /// Asks whether the peer is there. What cannot be written now goes with what is written next.
    pub(super) fn ping(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.poll_ready(cx)?.is_ready() {
            self.start_send(Message::Ping(Bytes::from_static(HEARTBEAT)))?;
            if let Poll::Ready(flushed) = self.poll_flush(cx) {
                flushed?;
            }
        }
        Ok(())
    }

    /// It ends here. What was read ahead stays for its reader.
    pub(super) fn end(&mut self, failure: Option<WebSocketError>) {
        self.is_over = true;
        self.failure = failure;
    }
}

/// Whether it fails since the peer has said something that it may not say.
fn is_of_what_was_said(polled: &Poll<Option<Result<Message, Error>>>) -> bool {
    matches!(polled, Poll::Ready(Some(Err(error))) if code_of(error).is_some())
}

/// The code that tells the peer what is wrong with what it sends; `None` where nothing is. One that is gone is told
/// nothing, since nothing is sent by then.
pub(super) fn code_of(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Protocol(_) | Error::AttackAttempt => Some(CloseCode::Protocol),
        _ => None,
    }
}
