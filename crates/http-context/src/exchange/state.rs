//! The state of one request, and all requests of a context.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::task::Waker;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use reqwest::Body;
use tokio::time::Instant;

use super::dispatch::Dispatch;
use super::in_flight::InFlight;
use crate::connection::Connection;
use crate::error::RequestError;
use crate::facts::{BodyEnd, BodyEndReason, Leak, RequestInfo};
use crate::scope::{RequestScope, Scope};
use crate::transport::Slot;

/// The requests of a context that have not ended, their bodies included.
pub(crate) struct Requests {
    pub(crate) scope: Arc<Scope>,
    pub(crate) options: RequestOptions,
    in_flight: InFlight<Exchange>,
}

/// What concerns each request of a context.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestOptions {
    pub(crate) queue_timeout: Option<Duration>,
    pub(crate) max_response_body: Option<u64>,
}

impl Requests {
    pub(crate) fn new(scope: Arc<Scope>, options: RequestOptions) -> Self {
        Self {
            scope,
            options,
            in_flight: InFlight::default(),
        }
    }

    /// Admits one more request, if `is_open` still says so.
    pub(crate) fn admit(
        self: &Arc<Self>,
        is_open: impl FnOnce() -> bool,
        info: impl FnOnce() -> RequestInfo,
    ) -> Option<Arc<Exchange>> {
        self.in_flight.admit(is_open, |key| {
            // Here, so that an exit which sees the request in flight reports it as well.
            self.scope.stats.started();
            let driver = Driver {
                requests: Arc::clone(self),
                key,
                reported: AtomicU8::default(),
                state: Mutex::new(State {
                    stage: Stage::Notifying,
                    is_aborted: false,
                    has_body: false,
                    is_released: false,
                }),
                dispatch: Mutex::new(None),
            };
            RequestScope::new(info(), Arc::clone(&self.scope), driver)
        })
    }

    /// Runs `f` while nothing can be admitted.
    pub(crate) fn barrier<R>(&self, f: impl FnOnce() -> R) -> R {
        self.in_flight.barrier(f)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// All that there are now.
    pub(crate) fn all(&self) -> Vec<Arc<Exchange>> {
        self.in_flight.map(Arc::clone)
    }

    /// All that there are now, as leaks that are about to be reported. One that ends afterwards sees
    /// that it was marked, and as what.
    pub(crate) fn mark_leaked(&self) -> Vec<Leak> {
        self.in_flight.map(|exchange| exchange.mark_leaked())
    }
}

/// One request, driven by a [`Driver`].
pub(crate) type Exchange = RequestScope<Driver>;

/// What takes a request from its admission to the end of its body.
pub(crate) struct Driver {
    pub(crate) requests: Arc<Requests>,
    /// Its entry among those in flight.
    key: usize,
    /// As what it was reported as leaked, until that is resolved. Set under the lock of those in
    /// flight, which a request that ends takes before it looks here.
    pub(super) reported: AtomicU8,
    /// Taken for a moment to change the stage. Futures and bodies are polled and dropped, and
    /// observers called, when it is released; nothing of a user runs under it, and no other lock is
    /// taken under it.
    state: Mutex<State>,
    /// The future of the request, polled where it stands: what users have set runs under this lock.
    /// Nobody ever waits for it: it belongs to whoever has changed the stage from `Request`.
    dispatch: Mutex<Option<Dispatch>>,
}

pub(super) struct State {
    pub(super) stage: Stage,
    /// Whether it was cut off, by who found the stage taken out. Whoever puts the next one in
    /// sees that, and ends it there.
    pub(super) is_aborted: bool,
    /// Whether its caller got a body, and holds it in place of the future.
    pub(super) has_body: bool,
    /// Whether its caller holds neither any more.
    pub(super) is_released: bool,
}

pub(super) enum Stage {
    /// Its caller's thread notifies that it was started, or answered. Nobody else takes it from
    /// here, so that its end does not come before that.
    Notifying,
    /// Its future is in `dispatch`, and nobody polls it.
    Request {
        waker: Option<Waker>,
    },
    /// The caller polls the future.
    PollingRequest,
    Body(BodyStage),
    /// The caller polls the body, which is out of here for so long.
    PollingBody {
        since: Instant,
        received: u64,
    },
    /// Cut off; its holder has not seen that yet.
    Aborted,
    Over,
}

pub(super) struct BodyStage {
    pub(super) body: Body,
    pub(super) slot: Slot,
    pub(super) connection: Option<Arc<Connection>>,
    /// Whether the peer closes the connection after this response.
    pub(super) closes: bool,
    pub(super) since: Instant,
    pub(super) received: u64,
    pub(super) waker: Option<Waker>,
}

impl Exchange {
    /// Sends it on its way, unless it was to be cut off meanwhile.
    pub(crate) fn start(&self, dispatch: Dispatch) {
        *self.dispatch() = Some(dispatch);
        self.finish_notifying(Stage::Request { waker: None });
    }

    pub(super) fn finish_notifying(&self, next: Stage) {
        let mut locked = self.lock();
        locked.stage = next;
        if locked.is_aborted {
            self.cut_off(locked);
        }
    }

    /// Cuts it off: its future or body is dropped here and now, and its holder gets an error.
    pub(crate) fn abort(&self) {
        let mut locked = self.lock();
        locked.is_aborted = true;
        self.cut_off(locked);
    }

    /// Ends what is in the stage. Whoever has taken it out sees `is_aborted`.
    pub(super) fn cut_off(&self, mut locked: MutexGuard<'_, State>) {
        if !matches!(locked.stage, Stage::Request { .. } | Stage::Body(_)) {
            return;
        }
        let stage = std::mem::replace(&mut locked.stage, Stage::Aborted);
        drop(locked);
        match stage {
            Stage::Request { waker } => {
                drop(self.take_dispatch());
                if let Some(waker) = waker {
                    waker.wake();
                }
                self.end_failed(&self.closed_error().into());
            }
            Stage::Body(body) => self.end_body_stage(body, BodyEndReason::Aborted),
            _ => {}
        }
    }

    pub(super) fn end_failed(&self, error: &RequestError) {
        self.notify(|observer, request| observer.request_failed(request, error));
        self.deregister();
    }

    pub(super) fn end_body_stage(&self, stage: BodyStage, reason: BodyEndReason) {
        let BodyStage {
            body,
            slot,
            connection,
            closes,
            since,
            received,
            waker,
        } = stage;
        // The connection is released, or closed, before observers hear of the end.
        drop(body);
        drop(slot);
        if let Some(connection) = connection {
            connection.response_ended(reason == BodyEndReason::Complete, closes);
        }
        if let (BodyEndReason::Aborted, Some(waker)) = (reason, waker) {
            waker.wake();
        }
        self.end_body(BodyEnd {
            reason,
            bytes: received,
            duration: since.elapsed(),
        });
    }

    pub(super) fn end_body(&self, end: BodyEnd) {
        self.scope().stats.received(end.bytes);
        self.notify(|observer, request| observer.response_body_ended(request, &end));
        self.deregister();
    }

    pub(super) fn deregister(&self) {
        let requests = &self.driver.requests;
        if requests.in_flight.remove(self.driver.key) {
            requests.scope.note_idle();
        }
        // It cannot be marked as leaked any more. If it was after its caller had released it, that
        // has seen no mark.
        if self.lock().is_released {
            self.resolve();
        }
    }

    /// The future of the request, for whoever has changed the stage from `Request`.
    pub(super) fn dispatch(&self) -> MutexGuard<'_, Option<Dispatch>> {
        self.driver.dispatch.lock()
    }

    pub(super) fn take_dispatch(&self) -> Option<Dispatch> {
        self.dispatch().take()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.driver.state.lock()
    }
}

/// Keeps the waker that the task was last polled with.
pub(super) fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(kept) => kept.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
