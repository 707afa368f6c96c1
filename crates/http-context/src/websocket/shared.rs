//! A socket, as its holders, the exit of its context and its heartbeat work with it.

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::control;
use super::state::{State, code_of};
use super::wakers::{Polls, Wakers};
use crate::error::WebSocketError;
use crate::exchange::{Farewell, UpgradeControl, UpgradeHandle};
use crate::facts::UpgradeEndReason;
use crate::sync::{Mutex, MutexGuard};

/// What a socket is.
pub(super) struct Shared {
    /// The connection is read and written under it, and nothing of a user runs there. The lock of the
    /// exchange is taken under it. Whoever ends the socket notifies observers when it is released.
    state: Mutex<State>,
    pub(super) wakers: Arc<Wakers>,
    /// Of `wakers`: what the connection wakes.
    pub(super) waker: Waker,
    pub(super) control: UpgradeControl,
    heartbeat: OnceLock<AbortHandle>,
}

impl Shared {
    pub(super) fn new(
        stream: WebSocketStream<UpgradeHandle>,
        control: UpgradeControl,
        has_heartbeat: bool,
    ) -> Arc<Self> {
        let wakers = Arc::new(Wakers::default());
        let shared = Arc::new(Self {
            state: Mutex::new(State::new(stream, has_heartbeat)),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
            control,
            heartbeat: OnceLock::new(),
        });
        let farewell: Weak<dyn Farewell> = Arc::downgrade(&shared) as _;
        shared.control.set_farewell(farewell);
        if shared.control.is_exiting() {
            // The exit may have looked for those that take leave before this was one of them.
            shared.say();
        }
        shared
    }

    /// The task that is to end with it.
    pub(super) fn set_heartbeat(&self, heartbeat: AbortHandle) {
        if self.lock().is_over {
            heartbeat.abort();
        }
        let _ = self.heartbeat.set(heartbeat);
    }

    pub(super) fn poll_next(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, WebSocketError>>> {
        self.poll_message(Polls::Reader, cx)
    }

    fn poll_message(
        &self,
        polls: Polls,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, WebSocketError>>> {
        let (mut state, mut cx) = self.poll(polls, cx);
        if let Some(message) = state.take_ahead() {
            return Poll::Ready(Some(Ok(message)));
        }
        if state.is_over {
            return Poll::Ready(state.failure.take().map(Err));
        }
        match state.poll_read(&mut cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(message))) => {
                if state.is_closed() {
                    self.end(state, UpgradeEndReason::Remote, None);
                }
                Poll::Ready(Some(Ok(message)))
            }
            Poll::Ready(None) => {
                self.end(state, UpgradeEndReason::Remote, None);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.fail(state, error)))),
        }
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.poll_write(cx, State::poll_ready)
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.poll_write(cx, State::poll_flush)
    }

    #[inline]
    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut State, &mut Context<'_>) -> Poll<Result<(), Error>>,
    ) -> Poll<Result<(), WebSocketError>> {
        let (mut state, mut cx) = self.poll(Polls::Writer, cx);
        if state.is_over {
            return Poll::Ready(Err(self.closed(&state)));
        }
        match write(&mut state, &mut cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.fail_to_write(state, error))),
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Sends this, if it was not sent so far, and waits until all of it is with the operating system.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), WebSocketError>> {
        let (mut state, mut cx) = self.poll(Polls::Writer, cx);
        if state.is_over || (message.is_some() && state.has_sent_close) {
            return Poll::Ready(Err(self.closed(&state)));
        }
        match state.poll_send(&mut cx, message) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.fail_to_write(state, error))),
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    pub(super) fn start_send(&self, message: Message) -> Result<(), WebSocketError> {
        let message = control::fit(message)?;
        let mut state = self.lock();
        if state.is_over || state.has_sent_close {
            return Err(self.closed(&state));
        }
        match state.start_send(message) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.fail_to_write(state, error)),
        }
    }

    /// Sends a Close frame, unless one was sent before.
    pub(super) fn begin_close(&self, frame: CloseFrame) -> Result<(), WebSocketError> {
        let mut state = self.lock();
        if state.is_over || state.has_sent_close {
            return Ok(());
        }
        // Who closes it may be another than who reads it.
        self.share(&mut state);
        let frame = control::fit(Message::Close(Some(frame)))?;
        match state.start_send(frame) {
            Err(error) if !state.has_received_close => Err(self.fail_to_write(state, error)),
            // The peer's is answered already.
            _ => Ok(()),
        }
    }

    /// As a sink closes: with a Close frame that is written, whatever becomes of it.
    pub(super) fn poll_sink_close(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: Utf8Bytes::default(),
        };
        if let Err(error) = self.begin_close(frame) {
            return Poll::Ready(Err(error));
        }
        match self.poll_flush(cx) {
            Poll::Ready(Err(WebSocketError::Closed)) => Poll::Ready(Ok(())),
            polled => polled,
        }
    }

    /// Whether the peer has answered a Close frame of this end, or is gone. What comes until then is
    /// lost.
    pub(super) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        loop {
            match self.poll_message(Polls::Closer, cx) {
                Poll::Ready(Some(Ok(_))) => {}
                // It may have gone without an answer, which is no fault of who closes.
                Poll::Ready(Some(Err(WebSocketError::ConnectionLost(_))) | None) => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Its holder gives up on the peer's answer.
    pub(super) fn close_timed_out(&self) {
        let state = self.lock();
        if !state.is_over {
            self.end(state, UpgradeEndReason::Local, None);
        }
    }

    /// Its last holder has dropped it.
    pub(super) fn dropped(&self) {
        // First: an exit that sees its end is not to take it for kept.
        self.control.let_go();
        let mut state = self.lock();
        let is_dropped = !state.is_over && !state.has_sent_close && !state.has_received_close;
        if is_dropped {
            self.control.note_end(UpgradeEndReason::Local);
            state.say_close(CloseCode::Away, "");
        }
        if !state.is_over {
            state.end(None);
            self.over(state, UpgradeEndReason::Local, is_dropped);
        }
        self.control.release();
    }

    /// Ends it, since reading has failed. Returns what its reader is to hear.
    fn fail(&self, mut state: MutexGuard<'_, State>, error: Error) -> WebSocketError {
        let error = self.failure_of(&mut state, error);
        self.end(state, UpgradeEndReason::Failed, None);
        error
    }

    /// Tells the peer what is wrong with what it sends.
    pub(super) fn failure_of(&self, state: &mut State, error: Error) -> WebSocketError {
        if let Some(code) = code_of(&error) {
            self.control.note_end(UpgradeEndReason::Failed);
            state.say_close(code, "");
        }
        self.error_of(state, error)
    }

    fn fail_to_write(&self, state: MutexGuard<'_, State>, error: Error) -> WebSocketError {
        let error = self.error_of(&state, error);
        let is_over = !matches!(
            error,
            WebSocketError::Closed | WebSocketError::TooLongToSend
        );
        if is_over {
            // Its reader is to hear of it as well.
            let failure = match &error {
                WebSocketError::ConnectionLost(error) => {
                    WebSocketError::ConnectionLost(error.kind().into())
                }
                WebSocketError::SessionClosed(closed) => {
                    WebSocketError::SessionClosed(closed.clone())
                }
                _ => WebSocketError::Closed,
            };
            self.end(state, UpgradeEndReason::Failed, Some(failure));
        }
        error
    }

    fn error_of(&self, state: &State, error: Error) -> WebSocketError {
        let error = WebSocketError::of(error);
        let by_session = || state.is_closed_by_session || self.control.is_cut_off();
        match error {
            WebSocketError::Closed if by_session() => {
                WebSocketError::SessionClosed(self.control.session_closed())
            }
            error => error,
        }
    }

    /// What is said to one who sends after the end.
    fn closed(&self, state: &State) -> WebSocketError {
        self.error_of(state, Error::AlreadyClosed)
    }

    pub(super) fn end(
        &self,
        mut state: MutexGuard<'_, State>,
        reason: UpgradeEndReason,
        failure: Option<WebSocketError>,
    ) {
        state.end(failure);
        self.over(state, reason, false);
    }

    /// It is over: the connection is closed, observers hear of it, and whoever waits for it.
    fn over(&self, mut state: MutexGuard<'_, State>, reason: UpgradeEndReason, is_dropped: bool) {
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.control.end(reason, is_dropped);
        if let Some(heartbeat) = self.heartbeat.get() {
            heartbeat.abort();
        }
        waiting.wake();
        self.wakers.wake_all();
    }

    /// Whoever polls from here on is not alone.
    pub(super) fn share(&self, state: &mut State) {
        state.is_shared = true;
        self.wakers.take_over(&mut state.waiting);
    }

    /// What is polled, with what the connection is to wake.
    #[inline]
    pub(super) fn poll<'s>(
        &'s self,
        polls: Polls,
        cx: &'s mut Context<'_>,
    ) -> (MutexGuard<'s, State>, Context<'s>) {
        let mut state = self.lock();
        if state.is_shared {
            self.wakers.wait(polls, cx.waker());
            (state, Context::from_waker(&self.waker))
        } else {
            state.waiting.wait(polls, cx.waker());
            (state, Context::from_waker(cx.waker()))
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(all(test, http_context_loom))]
mod models;
