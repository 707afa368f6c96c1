//! One request, from its admission to the end of its body.
//!
//! An [`Exchange`] owns what is abortable: the future of the request, then the body of the
//! response. The caller's future and body only point to it. So an exit can drop the inner one, and
//! with it the connection, even while the caller holds on and never polls again.
//!
//! A request ends exactly once: whoever takes the stage out of its lock tells how it ended.

mod facts;
mod leak;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use reqwest::{Body, Method, Response};
use tokio::time::Instant;

use leak::{NOT_TOLD, TOLD_REQUEST};

use crate::body;
use crate::error::{RequestError, SessionClosed};
use crate::host_slots::{Host, Slot};
use crate::observer::{BodyEnd, BodyEndReason, ResponseHead};
use crate::request_info::RequestInfo;
use crate::session::SessionState;
use crate::way::{Answer, Way};

tokio::task_local! {
    /// The request whose future is being polled.
    pub(crate) static CURRENT_REQUEST: Arc<Exchange>;
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Exchange {
    pub(crate) info: RequestInfo,
    /// Where it stands in the list of those in flight.
    key: usize,
    /// Where a redirect led it, when that is another host than the one it was made for.
    hop: Mutex<Option<Arc<Host>>>,
    /// Set before the stage is taken by an abort. One who polls holds the lock of the stage, so
    /// an abort may fail to get it; the poller looks here after it has let go of the lock. Both
    /// sides write first and look second (sequentially consistent), so one of them sees the other.
    aborted: AtomicBool,
    /// What it was told as leaked as, until that is resolved. Set under the lock of those in
    /// flight, which a request that ends takes before it looks here.
    told: AtomicU8,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Its caller's thread tells that it was started, or answered. Nobody else takes it from here,
    /// so that its end is not told before that.
    Telling,
    Request {
        way: Way,
        waker: Option<Waker>,
    },
    Body {
        body: Body,
        _slot: Slot,
        since: Instant,
        received: u64,
        waker: Option<Waker>,
    },
    /// Cut off; the holder has not been told yet.
    Aborted,
    Over,
}

impl Exchange {
    pub(crate) fn new(info: RequestInfo, key: usize) -> Self {
        Self {
            info,
            key,
            hop: Mutex::default(),
            aborted: AtomicBool::new(false),
            told: AtomicU8::new(NOT_TOLD),
            stage: Mutex::new(Stage::Telling),
        }
    }

    /// Sends it on its way, unless it was to be cut off meanwhile.
    pub(crate) fn start(&self, way: Way) {
        self.has_told(Stage::Request { way, waker: None });
    }

    fn has_told(&self, next: Stage) {
        *self.lock() = next;
        if self.aborted.load(Ordering::SeqCst) {
            self.abort();
        }
    }

    pub(crate) fn poll_request(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, RequestError>> {
        let mut stage = self.lock();
        let Stage::Request { way, waker } = &mut *stage else {
            *stage = Stage::Over;
            return Poll::Ready(Err(self.closed().into()));
        };
        let mut poll = || CURRENT_REQUEST.sync_scope(Arc::clone(self), || way.poll(self, cx));
        let polled = match self.info.context.observer() {
            None => poll(),
            Some(observer) => {
                let mut polled = Poll::Pending;
                observer.poll_request(&self.info, &mut || polled = poll());
                polled
            }
        };
        if polled.is_pending() {
            remember(waker, cx.waker());
        }
        match polled {
            Poll::Pending => {
                drop(stage);
                if self.aborted.load(Ordering::SeqCst) {
                    self.abort();
                    *self.lock() = Stage::Over;
                    return Poll::Ready(Err(self.closed().into()));
                }
                Poll::Pending
            }
            Poll::Ready(Err(error)) => {
                let over = std::mem::replace(&mut *stage, Stage::Over);
                drop(stage);
                drop(over);
                let is_cut_off = self.aborted.load(Ordering::SeqCst);
                let error = if is_cut_off {
                    self.closed().into()
                } else {
                    error
                };
                self.end_failed(&error);
                Poll::Ready(Err(error))
            }
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(self.answered(stage, answer))),
        }
    }

    fn answered(
        self: &Arc<Self>,
        mut stage: MutexGuard<'_, Stage>,
        Answer {
            response,
            carrier,
            slot,
        }: Answer,
    ) -> Response {
        let connection_use = carrier.connection_use;
        let content_length = response.content_length();
        let has_body = content_length != Some(0);
        let (mut response, next) = if has_body {
            let (response, body) = body::track(response, Arc::clone(self));
            let (since, received) = (Instant::now(), 0);
            let body = Stage::Body {
                body,
                _slot: slot,
                since,
                received,
                waker: None,
            };
            (response, body)
        } else {
            (response, Stage::Over)
        };
        let over = std::mem::replace(&mut *stage, Stage::Telling);
        drop(stage);
        drop(over);
        response.extensions_mut().insert(connection_use);
        self.state()
            .totals
            .answered(connection_use, self.info.upload.bytes());
        self.tell(|observer| observer.response_headers(&self.info, response.headers()));
        self.tell(|observer| {
            let head = ResponseHead {
                status: response.status(),
                version: response.version(),
                connection_use,
                connection: carrier.connection,
                peer: carrier.addresses.map(|pair| pair.remote),
                content_length,
            };
            observer.request_answered(&self.info, &head);
        });
        self.has_told(next);
        if !has_body {
            let reason = BodyEndReason::Complete;
            self.end_body(BodyEnd {
                reason,
                bytes: 0,
                duration: Duration::ZERO,
            });
        }
        response
    }

    /// The caller dropped the future of the request, be it before or after its end.
    pub(crate) fn drop_request(&self) {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Request { .. }) {
            let over = std::mem::replace(&mut *stage, Stage::Over);
            drop(stage);
            // The future goes first: by the time its end is told, its connection is let go.
            drop(over);
            self.tell(|observer| observer.request_cancelled(&self.info));
            self.leave();
        } else {
            drop(stage);
        }
        self.resolve(|told| told == TOLD_REQUEST);
    }

    pub(crate) fn poll_body(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut stage = self.lock();
        let Stage::Body {
            body,
            received,
            waker,
            ..
        } = &mut *stage
        else {
            return match std::mem::replace(&mut *stage, Stage::Over) {
                Stage::Aborted => Poll::Ready(Some(Err(Box::new(self.closed())))),
                _ => Poll::Ready(None),
            };
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let (polled, reason) = match polled {
            Poll::Pending => {
                remember(waker, cx.waker());
                drop(stage);
                if self.aborted.load(Ordering::SeqCst) {
                    self.abort();
                    *self.lock() = Stage::Over;
                    return Poll::Ready(Some(Err(Box::new(self.closed()))));
                }
                return Poll::Pending;
            }
            Poll::Ready(None) => (None, BodyEndReason::Complete),
            Poll::Ready(Some(Err(error))) => (Some(Err(error.into())), BodyEndReason::Failed),
            Poll::Ready(Some(Ok(frame))) => {
                *received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if !body.is_end_stream() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                (Some(Ok(frame)), BodyEndReason::Complete)
            }
        };
        self.take_body(stage, Stage::Over, reason);
        Poll::Ready(polled)
    }

    pub(crate) fn body_is_end(&self) -> bool {
        match &*self.lock() {
            Stage::Body { body, .. } => body.is_end_stream(),
            Stage::Aborted => false,
            _ => true,
        }
    }

    pub(crate) fn body_size_hint(&self) -> SizeHint {
        match &*self.lock() {
            Stage::Body { body, .. } => body.size_hint(),
            _ => SizeHint::default(),
        }
    }

    /// The caller dropped the body.
    pub(crate) fn drop_body(&self) {
        let stage = self.lock();
        if let Stage::Body { body, .. } = &*stage {
            // One that is empty, which its length does not always tell beforehand, was not cut
            // short. Nor does a decoder tell of the one that it would have unpacked.
            let reason = if body.is_end_stream() || *self.info.method() == Method::HEAD {
                BodyEndReason::Complete
            } else {
                BodyEndReason::Dropped
            };
            self.take_body(stage, Stage::Over, reason);
        } else {
            drop(stage);
        }
        self.resolve(|told| told != NOT_TOLD);
    }

    fn take_body(&self, mut stage: MutexGuard<'_, Stage>, next: Stage, reason: BodyEndReason) {
        let over = std::mem::replace(&mut *stage, next);
        drop(stage);
        let Stage::Body {
            body,
            since,
            received,
            waker,
            ..
        } = over
        else {
            return;
        };
        drop(body);
        if let (BodyEndReason::Aborted, Some(waker)) = (reason, waker) {
            waker.wake();
        }
        self.end_body(BodyEnd {
            reason,
            bytes: received,
            duration: since.elapsed(),
        });
    }

    /// Cuts it off: its future or body is dropped here and now, and its holder gets an error.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::SeqCst);
        let Some(mut stage) = self.try_lock() else {
            // It is being polled: the poller sees `aborted` when it is done.
            return;
        };
        match &*stage {
            Stage::Request { .. } => {
                let over = std::mem::replace(&mut *stage, Stage::Aborted);
                drop(stage);
                if let Stage::Request { way, waker } = over {
                    drop(way);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                self.end_failed(&self.closed().into());
            }
            Stage::Body { .. } => self.take_body(stage, Stage::Aborted, BodyEndReason::Aborted),
            // Who tells it looks at `aborted` afterwards.
            Stage::Telling | Stage::Aborted | Stage::Over => {}
        }
    }

    fn end_failed(&self, error: &RequestError) {
        self.tell(|observer| observer.request_failed(&self.info, error));
        self.leave();
    }

    fn end_body(&self, end: BodyEnd) {
        self.state().totals.received(end.bytes);
        self.tell(|observer| observer.response_body_ended(&self.info, &end));
        self.leave();
    }

    fn leave(&self) {
        if self.state().in_flight.remove(self.key) {
            self.info.context.inner().note_idle();
        }
    }

    pub(crate) fn closed(&self) -> SessionClosed {
        self.info.context.session_closed_error(self.info.session)
    }

    fn state(&self) -> &SessionState {
        self.info.context.session_state()
    }

    /// `None` while another thread, or this one further up, holds the lock.
    fn try_lock(&self) -> Option<MutexGuard<'_, Stage>> {
        match self.stage.try_lock() {
            Ok(stage) => Some(stage),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(kept) => kept.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
