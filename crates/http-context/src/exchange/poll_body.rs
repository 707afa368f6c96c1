//! The second half of an exchange: the body of the response, as the caller polls or drops it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, SizeHint};
use reqwest::Method;
use tokio::time::Instant;

use super::state::{Driven, Exchange, ResponseBody, Stage};
use crate::error::{ErrorKind, withhold};
use crate::facts::BodyEndReason;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Exchange {
    pub(super) fn poll_body(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let mut locked = self.lock();
        match locked.stage {
            Stage::Body => locked.stage = Stage::PollingBody,
            Stage::Aborted => {
                locked.stage = Stage::Over;
                return Poll::Ready(Some(Err(Box::new(self.closed_error()))));
            }
            _ => return Poll::Ready(None),
        }
        drop(locked);
        let (polled, reason) = match self.poll_driven(cx) {
            Poll::Pending => {
                if self.wait_in(Stage::Body, Some(cx)) {
                    return Poll::Pending;
                }
                let closed = Box::new(self.closed_error());
                (Some(Err(closed as BoxError)), BodyEndReason::Aborted)
            }
            Poll::Ready(Polled::More(frame)) => {
                if self.wait_in(Stage::Body, None) {
                    return Poll::Ready(Some(Ok(frame)));
                }
                // The frame has come; the next poll gives the error.
                self.lock().stage = Stage::Aborted;
                (Some(Ok(frame)), BodyEndReason::Aborted)
            }
            Poll::Ready(Polled::Last(frame)) => (frame.map(Ok), BodyEndReason::Complete),
            Poll::Ready(Polled::Failed(error)) => (Some(Err(error)), BodyEndReason::Failed),
        };
        if reason != BodyEndReason::Aborted {
            self.lock().stage = Stage::Over;
        }
        if let Driven::Body(body) = self.take_driven() {
            self.end_response_body(body, None, reason);
        }
        Poll::Ready(polled)
    }

    fn poll_driven(&self, cx: &mut Context<'_>) -> Poll<Polled> {
        let mut driven = self.driven();
        let Driven::Body(ResponseBody {
            body,
            connection,
            first_chunk,
            ..
        }) = &mut *driven
        else {
            unreachable!("it is there while its stage is `Body`");
        };
        Poll::Ready(match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => Polled::Last(None),
            Some(Err(error)) => {
                let kind = ErrorKind::of(&error);
                if let Some(connection) = connection
                    && matches!(kind, ErrorKind::Connection | ErrorKind::ResponseEnded)
                {
                    connection.broken();
                }
                Polled::Failed(match withhold(&error, &self.secrets().of_chain(&error)) {
                    Some(withheld) => withheld.into(),
                    None => error.into(),
                })
            }
            Some(Ok(frame)) => {
                let received = &self.driver.received;
                let is_first = received.bytes() == 0;
                received.add(frame.data_ref().map_or(0, Bytes::len));
                if body.is_end_stream() {
                    Polled::Last(Some(frame))
                } else {
                    let now = Instant::now();
                    received.note(self.info.started, now);
                    if is_first && received.bytes() > 0 {
                        *first_chunk = Some(now);
                    }
                    Polled::More(frame)
                }
            }
        })
    }

    pub(super) fn body_is_end(&self) -> bool {
        match self.lock().stage {
            Stage::Aborted => return false,
            Stage::Body => {}
            _ => return true,
        }
        match &*self.driven() {
            Driven::Body(body) => body.body.is_end_stream(),
            // Cut off just now.
            _ => false,
        }
    }

    pub(super) fn body_size_hint(&self) -> SizeHint {
        if self.lock().stage != Stage::Body {
            return SizeHint::default();
        }
        match &*self.driven() {
            Driven::Body(body) => body.body.size_hint(),
            _ => SizeHint::default(),
        }
    }

    /// The caller dropped the body.
    pub(super) fn drop_body(&self) {
        let mut locked = self.lock();
        // Its poll may have panicked: the caller cannot drop what it polls.
        let is_open = matches!(locked.stage, Stage::Body | Stage::PollingBody);
        locked.stage = Stage::Over;
        if is_open {
            drop(locked);
            self.end_dropped_body();
            locked = self.lock();
        }
        self.release_body(locked);
    }

    fn end_dropped_body(&self) {
        if let Driven::Body(body) = self.take_driven() {
            // One that is empty, which its length does not always say beforehand, was not cut
            // short. Nor does a decoder say so of the one that it would have unpacked.
            let is_whole = body.body.is_end_stream() || *self.info.method() == Method::HEAD;
            let reason = if is_whole {
                BodyEndReason::Complete
            } else {
                BodyEndReason::Dropped
            };
            self.end_response_body(body, None, reason);
        }
    }
}

/// What a poll of a body gave.
enum Polled {
    More(http_body::Frame<Bytes>),
    /// The last one, or none.
    Last(Option<http_body::Frame<Bytes>>),
    Failed(BoxError),
}
