//! The second half of an exchange: the body of the response, as the caller polls or drops it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use reqwest::Method;

use super::state::{BodyStage, Exchange, Stage, remember};
use crate::error::ErrorKind;
use crate::facts::{BodyEnd, BodyEndReason};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Exchange {
    pub(super) fn poll_body(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut locked = self.lock();
        let mut stage = match std::mem::replace(&mut locked.stage, Stage::Over) {
            Stage::Body(stage) => stage,
            Stage::Aborted => return Poll::Ready(Some(Err(Box::new(self.closed_error())))),
            _ => return Poll::Ready(None),
        };
        locked.stage = Stage::PollingBody {
            since: stage.since,
            received: stage.received,
        };
        drop(locked);
        let (polled, reason) = match Pin::new(&mut stage.body).poll_frame(cx) {
            Poll::Pending => {
                remember(&mut stage.waker, cx.waker());
                if self.put_back(stage) {
                    return Poll::Pending;
                }
                return Poll::Ready(Some(Err(Box::new(self.closed_error()))));
            }
            Poll::Ready(None) => (None, BodyEndReason::Complete),
            Poll::Ready(Some(Err(error))) => {
                let is_broken = matches!(
                    ErrorKind::of(&error),
                    ErrorKind::Connection | ErrorKind::ResponseEnded
                );
                if let Some(connection) = stage.connection.as_ref().filter(|_| is_broken) {
                    connection.broken();
                }
                (Some(Err(error.into())), BodyEndReason::Failed)
            }
            Poll::Ready(Some(Ok(frame))) => {
                stage.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if !stage.body.is_end_stream() {
                    if !self.put_back(stage) {
                        // The frame has come; the next poll gives the error.
                        self.lock().stage = Stage::Aborted;
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                (Some(Ok(frame)), BodyEndReason::Complete)
            }
        };
        self.lock().stage = Stage::Over;
        self.end_body_stage(stage, reason);
        Poll::Ready(polled)
    }

    /// Puts a body back that was polled, unless it was cut off meanwhile: then it ends here.
    fn put_back(&self, stage: BodyStage) -> bool {
        let mut locked = self.lock();
        if !locked.is_aborted {
            locked.stage = Stage::Body(stage);
            return true;
        }
        locked.stage = Stage::Over;
        drop(locked);
        self.end_body_stage(stage, BodyEndReason::Aborted);
        false
    }

    pub(super) fn body_is_end(&self) -> bool {
        match &self.lock().stage {
            Stage::Body(stage) => stage.body.is_end_stream(),
            Stage::Aborted => false,
            _ => true,
        }
    }

    pub(super) fn body_size_hint(&self) -> SizeHint {
        match &self.lock().stage {
            Stage::Body(stage) => stage.body.size_hint(),
            _ => SizeHint::default(),
        }
    }

    /// The caller dropped the body.
    pub(super) fn drop_body(&self) {
        let mut locked = self.lock();
        match std::mem::replace(&mut locked.stage, Stage::Over) {
            Stage::Body(stage) => {
                drop(locked);
                // One that is empty, which its length does not always say beforehand, was not cut
                // short. Nor does a decoder say so of the one that it would have unpacked.
                let is_whole = stage.body.is_end_stream() || *self.info.method() == Method::HEAD;
                let reason = if is_whole {
                    BodyEndReason::Complete
                } else {
                    BodyEndReason::Dropped
                };
                self.end_body_stage(stage, reason);
            }
            // Its poll has panicked, and took it along.
            Stage::PollingBody { since, received } => {
                drop(locked);
                self.end_body(BodyEnd {
                    reason: BodyEndReason::Dropped,
                    bytes: received,
                    duration: since.elapsed(),
                });
            }
            _ => drop(locked),
        }
        self.release_body();
    }
}
