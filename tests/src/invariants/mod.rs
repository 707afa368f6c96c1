//! An observer that checks that each fact fits those before it.

mod state;
mod totals;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::Extensions;
use http_context::{
    BodyEnd, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionInfo, ContextInfo,
    ExitReport, Leak, NestedOpen, Observer, PlainRequest, PoolCheckout, PoolCloseReason,
    PoolReturn, PoolStatus, RequestError, RequestInfo, ResponseHead, SessionEnded, SessionStarted,
    Upgrade, UpgradeEnd,
};
use tokio::sync::watch;

use self::state::State;
pub use self::totals::{Balance, Totals};

/// An observer that checks what it receives, in memory that does not grow with what has ended.
///
/// Each fact must fit those before it: nothing ends that did not begin, nothing ends twice, and
/// nothing of a context comes after its close but what its contract lets come late. When all work
/// is over, [`balance`](Self::balance) says what is still open, and what did not fit.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use http_context::{OpenError, builder};
/// use http_context_tests::InvariantObserver;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let invariants = Arc::new(InvariantObserver::new());
/// let context = builder().observer(invariants.clone());
/// context.open(async { Ok::<_, OpenError>(()) }).await.unwrap();
/// let totals = invariants.balanced();
/// assert_eq!((totals.contexts, totals.sessions, totals.leaks), (1, 1, 0));
/// # }
/// ```
pub struct InvariantObserver {
    state: Mutex<State>,
    /// How many facts there were, for those who wait for more.
    facts: watch::Sender<u64>,
    /// The fact after which it panics.
    panics_at: Option<u64>,
}

impl InvariantObserver {
    /// One that has received no fact.
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            facts: watch::Sender::new(0),
            panics_at: None,
        }
    }

    /// One that panics when it has noted so many facts, as an observer may that has a fault. What
    /// follows must fit all the same.
    pub fn panicking_at(fact: u64) -> Self {
        Self {
            panics_at: Some(fact),
            ..Self::new()
        }
    }

    /// How many facts were noted.
    pub fn facts(&self) -> u64 {
        *self.facts.borrow()
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        self.lock().totals.clone()
    }

    /// What is open, and what did not fit, now.
    pub fn balance(&self) -> Balance {
        self.lock().balance()
    }

    /// The totals, once nothing is open.
    ///
    /// # Panics
    ///
    /// When something is open, or did not fit; the message lists it.
    #[track_caller]
    pub fn balanced(&self) -> Totals {
        let balance = self.balance();
        assert!(balance.is_even(), "{balance}");
        self.totals()
    }

    /// Waits until nothing is open, for what ends on other threads, and returns the totals.
    ///
    /// # Panics
    ///
    /// When that does not happen within twenty seconds, or something did not fit; the message lists
    /// it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn settled(&self) -> impl Future<Output = Totals> + Send {
        let call_site = std::panic::Location::caller();
        let mut facts = self.facts.subscribe();
        async move {
            let waiting = async {
                // What is below nothing will not come up again.
                while self.balance().may_settle() {
                    if facts.changed().await.is_err() {
                        unreachable!("the sender lives as long as the observer");
                    }
                }
            };
            let _ = tokio::time::timeout(crate::server::DEADLINE, waiting).await;
            let balance = self.balance();
            assert!(balance.is_even(), "at {call_site}: {balance}");
            self.totals()
        }
    }

    fn note(&self, write: impl FnOnce(&mut State)) {
        write(&mut self.lock());
        let mut noted = 0;
        self.facts.send_modify(|facts| {
            *facts += 1;
            noted = *facts;
        });
        assert_ne!(Some(noted), self.panics_at, "on purpose");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InvariantObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InvariantObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.balance().fmt(f)
    }
}

impl Observer for InvariantObserver {
    fn context_opened(&self, context: &ContextInfo) {
        self.note(|state| state.context_opened(context.id()));
    }

    fn nested_open(&self, context: &ContextInfo, nested: &NestedOpen) {
        let id = context.id();
        self.note(|state| state.nested(id, nested.policy));
    }

    fn context_closed(&self, context: &ContextInfo, report: &ExitReport) {
        self.note(|state| state.context_closed(context.id(), report));
    }

    fn session_opened(&self, context: &ContextInfo, started: &SessionStarted) {
        self.note(|state| state.session_opened(context.id(), started.session));
    }

    fn session_closed(&self, context: &ContextInfo, ended: &SessionEnded) {
        self.note(|state| state.session_closed(context.id(), ended.session));
    }

    fn request_started(&self, request: &RequestInfo, _: &reqwest::Request, _: &Extensions) {
        self.note(|state| state.request_started(request));
    }

    fn request_queued(&self, request: &RequestInfo) {
        self.note(|state| state.on_its_way(request.id(), "queued"));
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.note(|state| state.request_answered(request.id(), head.connection_use));
    }

    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {
        let is_session_closed = error.is_session_closed();
        self.note(|state| state.request_failed(request.id(), is_session_closed));
    }

    fn request_cancelled(&self, request: &RequestInfo) {
        self.note(|state| state.request_cancelled(request.id()));
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        self.note(|state| state.body_ended(request.id(), *end));
    }

    fn connection_upgraded(&self, request: &RequestInfo, _: &Upgrade) {
        self.note(|state| state.connection_upgraded(request.id()));
    }

    fn upgrade_ended(&self, request: &RequestInfo, _: &UpgradeEnd) {
        self.note(|state| state.upgrade_ended(request.id()));
    }

    fn connect_started(&self, _: &RequestInfo, _: &ConnectStarted<'_>) {
        self.note(|state| state.connects(1, |totals| &mut totals.connects));
    }

    fn connection_opened(&self, _: &RequestInfo, _: &Arc<ConnectionInfo>) {
        self.note(|state| state.connects(-1, |totals| &mut totals.connections_opened));
    }

    fn connect_failed(&self, _: &RequestInfo, _: &ConnectFailure<'_>) {
        self.note(|state| state.connects(-1, |totals| &mut totals.connects_failed));
    }

    fn connect_abandoned(&self, _: &RequestInfo, _: &ConnectAbandoned<'_>) {
        self.note(|state| state.connects(-1, |totals| &mut totals.connects_abandoned));
    }

    fn plain_request_ended(&self, context: &ContextInfo, request: &PlainRequest<'_>) {
        let is_answered = request.outcome.is_ok();
        self.note(|state| state.plain_request_ended(context.id(), is_answered));
    }

    fn plain_connection_opened(&self, context: &ContextInfo, connection: &Arc<ConnectionInfo>) {
        self.note(|state| state.plain_connection_opened(context.id(), connection));
    }

    fn leak(&self, _: &ContextInfo, leak: &Leak) {
        self.note(|state| state.leak(leak));
    }

    fn leak_resolved(&self, _: &ContextInfo, leak: &Leak) {
        self.note(|state| state.leak_resolved(leak));
    }

    fn pool_returned(&self, _: &PoolStatus, _: &PoolReturn) {
        self.note(|state| state.pool_used -= 1);
    }

    fn pool_session_closed(&self, _: &PoolStatus, _: PoolCloseReason) {
        self.note(|state| state.totals.pool_sessions_closed += 1);
    }

    fn pool_checked_out(&self, status: &PoolStatus, _: &PoolCheckout) {
        let used = status.used;
        self.note(|state| {
            state.pool_used += 1;
            if used > status.max_size {
                state.misfit(format!("{used} permits of a pool of {}", status.max_size));
            }
        });
    }
}
