//! Response bodies, and the wrapper that counts how they end.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};

use super::exchange::Exchange;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a handler answers with. An error in it makes the server cut the
/// response short; an [`h2::Error`] says with which code.
pub type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body without a byte.
pub fn empty_body() -> ResponseBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there as a whole.
pub fn full_body(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body of `length` bytes in pieces of at most `piece`. Its length is in its
/// size hint when `announced`, so HTTP/1.1 sends `Content-Length`; otherwise it
/// is sent in chunks.
pub(super) fn pattern(length: u64, piece: usize, announced: bool) -> ResponseBody {
    Pieces {
        left: length,
        piece: Bytes::from(vec![b'x'; piece]),
        announced: announced.then_some(length),
        paused: false,
        error: None,
    }
    .boxed_unsync()
}

/// `first`, and then `error`. As long as `announced` says it would have been.
pub(super) fn cut(
    first: impl Into<Bytes>,
    announced: Option<u64>,
    error: impl Into<BoxError>,
) -> ResponseBody {
    let piece = first.into();
    Pieces {
        left: piece.len() as u64,
        piece,
        announced,
        paused: false,
        error: Some(error.into()),
    }
    .boxed_unsync()
}

/// So many bytes, piece by piece, and then their end or an error.
struct Pieces {
    left: u64,
    piece: Bytes,
    /// What is still to come, as far as is known.
    announced: Option<u64>,
    /// Between the data and the error the transport gets one turn to send what
    /// it has; otherwise it would throw it away.
    paused: bool,
    error: Option<BoxError>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left > 0 {
            let whole = self.piece.len();
            let length = usize::try_from(self.left).map_or(whole, |left| left.min(whole));
            self.left -= length as u64;
            self.announced = self.announced.map(|announced| announced - length as u64);
            return Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..length)))));
        }
        if self.error.is_some() && !std::mem::replace(&mut self.paused, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.error.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.error.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.announced
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A body that notes with its [`Exchange`] what was sent of it, and that it ended.
pub(super) struct CountedBody {
    inner: ResponseBody,
    exchange: Exchange,
}

impl CountedBody {
    /// A body that is empty from the start is complete when the head is.
    pub(super) fn new(inner: ResponseBody, mut exchange: Exchange) -> Self {
        exchange.head_sent();
        if inner.is_end_stream() {
            exchange.complete();
        }
        Self { inner, exchange }
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|f| f.as_ref().ok()?.data_ref()) {
            self.exchange.bytes_sent(data.len());
        }
        // The transport does not poll again when a body says that it has ended.
        if frame.is_none() || (matches!(frame, Some(Ok(_))) && self.inner.is_end_stream()) {
            self.exchange.complete();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
