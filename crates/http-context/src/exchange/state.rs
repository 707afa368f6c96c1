//! The state of one request, and all requests of a context.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use reqwest::Body;
use tokio::time::Instant;

use super::dispatch::Dispatch;
use super::in_flight::InFlight;
use super::received::Received;
use super::upgraded_io::Upgraded;
use crate::connection::Connection;
use crate::error::RequestError;
use crate::facts::{BodyEnd, BodyEndReason, Leak, RequestInfo, UpgradeEndReason, UpgradeTraffic};
use crate::scope::{Connectors, RequestScope, Scope};
use crate::sync::atomic::AtomicU8;
use crate::sync::{Mutex, MutexGuard};
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
    #[inline]
    pub(crate) fn admit(
        self: &Arc<Self>,
        is_open: impl FnOnce() -> bool,
        connectors: &Arc<Connectors>,
        info: impl FnOnce() -> RequestInfo,
    ) -> Option<Arc<Exchange>> {
        self.in_flight.admit(is_open, |key| {
            let driver = Driver {
                requests: Arc::clone(self),
                key,
                reported: AtomicU8::default(),
                received: Received::default(),
                state: Mutex::default(),
                driven: Mutex::default(),
            };
            let scope = Arc::clone(&self.scope);
            RequestScope::new(info(), scope, Arc::clone(connectors), driver)
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
        let marked = self.in_flight.map(|exchange| exchange.mark_leaked());
        marked.into_iter().flatten().collect()
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
    /// Of the body of its response.
    pub(super) received: Received,
    /// Taken for a moment to change the stage. Futures and bodies are polled and dropped, and
    /// observers called, when it is released; nothing of a user runs under it but the clone of a
    /// waker, and no other lock is taken under it.
    state: Mutex<State>,
    /// What is polled, where it stands: what users have set runs under this lock. Nobody ever waits
    /// for it: it belongs to whoever has changed the stage from `Notifying`, `Request` or `Body`. An
    /// upgraded connection is read and written under it, by two tasks if they like, and cut off; they
    /// wait for one another for as long as one read or write takes, which is no code of a user's.
    driven: Mutex<Driven>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) stage: Stage,
    /// Of the task that polled it last.
    pub(super) waker: Option<Waker>,
    /// Whether it was cut off, by who found somebody else at it. Whoever goes on to the next stage
    /// sees that, and ends it there.
    pub(super) is_aborted: bool,
    /// Whether its caller got a body, and holds it in place of the future.
    pub(super) has_body: bool,
    /// What its connection carries since it was upgraded.
    pub(super) upgraded: Option<Arc<UpgradeTraffic>>,
    /// Whether its caller holds neither any more.
    pub(super) is_released: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its caller's thread notifies that it was started. Nobody else takes it from here, so that its end
    /// does not come before that.
    #[default]
    Notifying,
    /// Its future waits to be polled.
    Request,
    /// Its caller polls the future, and notifies that it was answered; as with the stage before, nobody
    /// else takes it from here.
    PollingRequest,
    /// The body of its response waits to be polled.
    Body,
    /// Its caller polls the body.
    PollingBody,
    /// Its connection was upgraded, and is read and written by whoever holds it.
    Upgraded,
    /// Cut off; its holder has not seen that yet.
    Aborted,
    Over,
}

#[derive(Default)]
#[allow(
    clippy::large_enum_variant,
    reason = "a request is in the large one for most of its life"
)]
pub(super) enum Driven {
    #[default]
    Nothing,
    Request(Dispatch),
    Body(ResponseBody),
    Upgraded(Box<Upgraded>),
}

/// The body of a response, and what it keeps.
pub(super) struct ResponseBody {
    pub(super) body: Body,
    pub(super) slot: Option<Slot>,
    pub(super) connection: Option<Arc<Connection>>,
    /// Whether the peer closes the connection after this response.
    pub(super) closes: bool,
    pub(super) since: Instant,
    /// When the first bytes came, where more came after them; of a body that came at once it is when
    /// it ended.
    pub(super) first_chunk: Option<Instant>,
}

impl Exchange {
    /// Sends it on its way, unless it was to be cut off meanwhile.
    #[inline]
    pub(crate) fn start(&self, dispatch: Dispatch) {
        *self.driven() = Driven::Request(dispatch);
        self.finish_notifying(Stage::Request);
    }

    pub(super) fn finish_notifying(&self, next: Stage) {
        let mut locked = self.lock();
        locked.stage = next;
        if matches!(next, Stage::Body | Stage::Upgraded) {
            // Its caller gets that in place of the future.
            locked.has_body = true;
            locked.waker = None;
        }
        if locked.is_aborted {
            self.cut_off(locked);
        }
    }

    /// Cuts it off: its future, body or upgraded connection is dropped here and now, and its holder
    /// gets an error. Returns whether there was anything to cut off: another thread may be ending it.
    pub(crate) fn abort(&self) -> bool {
        if let Some(farewell) = self.farewell() {
            farewell.say();
        }
        let mut locked = self.lock();
        let is_under_way = !matches!(locked.stage, Stage::Aborted | Stage::Over);
        locked.is_aborted = true;
        self.cut_off(locked);
        is_under_way
    }

    /// Ends what waits to be polled. Whoever is at it sees `is_aborted`.
    fn cut_off(&self, mut locked: MutexGuard<'_, State>) {
        let is_at_rest = matches!(locked.stage, Stage::Request | Stage::Body | Stage::Upgraded);
        if !is_at_rest {
            return;
        }
        locked.stage = Stage::Aborted;
        let waker = locked.waker.take();
        drop(locked);
        match self.take_driven() {
            Driven::Body(body) => self.end_response_body(body, waker, BodyEndReason::Aborted),
            Driven::Upgraded(upgraded) => {
                self.end_upgraded(*upgraded, UpgradeEndReason::Exit, false);
            }
            request => {
                drop(request);
                if let Some(waker) = waker {
                    waker.wake();
                }
                self.end_failed(&self.closed_request_error());
            }
        }
    }

    /// Takes it from one who polled it back to where it waits to be polled, unless it was cut off
    /// meanwhile: then it returns `false`, and whoever polled it ends it.
    pub(super) fn wait_in(&self, stage: Stage, cx: Option<&Context<'_>>) -> bool {
        let mut locked = self.lock();
        if locked.is_aborted {
            locked.stage = Stage::Over;
            return false;
        }
        locked.stage = stage;
        if let Some(cx) = cx {
            match &mut locked.waker {
                Some(kept) => kept.clone_from(cx.waker()),
                waker => *waker = Some(cx.waker().clone()),
            }
        }
        true
    }

    pub(super) fn end_failed(&self, error: &RequestError) {
        self.info.upload.end();
        self.notify(|observer, request| observer.request_failed(request, error));
        self.deregister();
    }

    pub(super) fn end_response_body(
        &self,
        ended: ResponseBody,
        waker: Option<Waker>,
        reason: BodyEndReason,
    ) {
        let ResponseBody {
            body,
            slot,
            connection,
            closes,
            since,
            first_chunk,
        } = ended;
        let is_whole = reason == BodyEndReason::Complete;
        if let Some(connection) = connection.as_ref().filter(|_| !is_whole) {
            // Before that, since its close may be announced at once.
            connection.note_dropped();
        }
        // The connection is released, or closed, before observers hear of the end.
        drop(body);
        drop(slot);
        if !is_whole {
            self.info.upload.end();
        }
        if let Some(connection) = connection {
            connection.response_ended(is_whole, closes);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        let bytes = self.driver.received.bytes();
        if self.scope().observers.is_empty() {
            // Nobody hears how long it took.
            self.count_received(bytes);
            return self.deregister();
        }
        let now = Instant::now();
        let first_chunk = (bytes > 0).then(|| first_chunk.unwrap_or(now));
        self.end_body(BodyEnd {
            reason,
            bytes,
            duration: now.saturating_duration_since(since),
            first_chunk: first_chunk.map(|at| at.saturating_duration_since(self.info.started)),
        });
    }

    pub(super) fn end_body(&self, end: BodyEnd) {
        self.count_received(end.bytes);
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

    /// What is polled, for whoever it belongs to by the stage.
    pub(super) fn driven(&self) -> MutexGuard<'_, Driven> {
        self.driver.driven.lock()
    }

    pub(super) fn take_driven(&self) -> Driven {
        std::mem::take(&mut *self.driven())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.driver.state.lock()
    }
}
