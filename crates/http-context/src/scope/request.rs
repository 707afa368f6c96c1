//! The request that a task is working on, for what is called without being given it: the connector,
//! the resolver, the redirect policy.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use parking_lot::Mutex;
use reqwest::Url;

use super::{Connectors, RequestStats, Scope};
use crate::error::{
    FailedRequest, Redaction, RequestError, RequestFailure, Secrets, SessionClosed,
};
use crate::facts::{ConnectionInfo, ConnectionUse, QueueWait, Redirect, RequestInfo};
use crate::identity::Origin;
use crate::observer::Observer;

tokio::task_local! {
    /// The request whose future is being polled.
    pub(crate) static CURRENT_REQUEST: Arc<RequestScope>;
}

/// One request and whom its facts concern. `D` is what drives it, which stands in the same
/// allocation and is of no concern to whoever is given a `RequestScope`.
pub(crate) struct RequestScope<D: ?Sized = dyn Send + Sync> {
    pub(crate) info: RequestInfo,
    scope: Arc<Scope>,
    /// Of the session that it goes by.
    pub(super) connectors: Arc<Connectors>,
    /// What its caller's requests come to, where that has a name.
    of_caller: Option<Arc<RequestStats>>,
    /// The connection that was made for it last, until it ends or is answered. Nothing of a user
    /// runs under it.
    made: Mutex<Option<Arc<dyn MadeConnection>>>,
    pub(crate) driver: D,
}

impl<D> RequestScope<D> {
    /// From here on it is counted: an exit that sees it has it in its report.
    #[inline]
    pub(crate) fn new(
        info: RequestInfo,
        scope: Arc<Scope>,
        connectors: Arc<Connectors>,
        driver: D,
    ) -> Self {
        let caller = info.caller;
        let of_caller = caller.map(|caller| scope.stats.of_caller(caller));
        scope.stats.requests.started();
        if let Some(stats) = &of_caller {
            stats.started();
        }
        Self {
            info,
            scope,
            connectors,
            of_caller,
            made: Mutex::default(),
            driver,
        }
    }
}

impl<D: ?Sized> RequestScope<D> {
    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// Calls each observer with the request and a fact of it.
    pub(crate) fn notify(&self, mut fact: impl FnMut(&dyn Observer, &RequestInfo)) {
        self.scope.notify(|observer| fact(observer, &self.info));
    }

    /// It is on its way to an origin: its own, or another.
    pub(crate) fn set_destination(&self, origin: &Arc<Origin>) {
        // A session has one of each for as long as a request is on its way to it.
        let is_own = Arc::ptr_eq(origin, &self.info.origin);
        let other = (!is_own).then(|| Arc::clone(origin));
        *self.info.destination.lock() = other;
    }

    /// What it ends with when its session closes.
    pub(crate) fn closed_error(&self) -> SessionClosed {
        self.scope.session_closed_error(self.info.session)
    }

    /// The error that it ends with when its session closes.
    pub(crate) fn closed_request_error(&self) -> RequestError {
        self.failed(None, RequestFailure::SessionClosed(self.closed_error()))
    }

    /// The error that it ends with, without a secret of its URL in any text. The URL is given where
    /// it is at hand.
    pub(crate) fn failed(&self, url: Option<&Url>, failure: RequestFailure) -> RequestError {
        let kept = self.info.kept.as_deref();
        let failed = FailedRequest {
            redaction: self.redaction(),
            method: Some(&self.info.method),
            url: url.or(kept.map(|kept| &kept.url)),
            origin: Some(&self.info.origin),
            credentials: kept.map_or(&[], |kept| &kept.credentials),
        };
        RequestError::of(failed, failure)
    }

    /// What is a secret in its URL.
    pub(crate) fn redaction(&self) -> &Redaction {
        &self.scope.info.redaction
    }

    /// What must not be in a text that leaves it.
    pub(crate) fn secrets(&self) -> Secrets<'_> {
        let secrets = Secrets::new(self.redaction());
        let Some(kept) = &self.info.kept else {
            return secrets;
        };
        let credentials = kept.credentials.iter();
        credentials.fold(secrets.of_url(&kept.url), Secrets::of_credentials)
    }

    /// The connection that was made for it last.
    pub(crate) fn take_made(&self) -> Option<Arc<dyn MadeConnection>> {
        self.made.lock().take()
    }

    /// Counts for its context, and for its caller.
    fn count(&self, count: impl Fn(&RequestStats)) {
        count(&self.scope.stats.requests);
        if let Some(stats) = &self.of_caller {
            count(stats);
        }
    }

    /// So many bytes of its body, or of the connection that it upgraded, were sent.
    pub(crate) fn count_sent(&self, bytes: u64) {
        self.count(|stats| stats.sent(bytes));
    }

    /// So many bytes came of the body of its response, or over the connection that it upgraded.
    pub(crate) fn count_received(&self, bytes: u64) {
        self.count(|stats| stats.received(bytes));
    }

    /// A head came over a connection, be it that of a redirect or of a middleware's attempt.
    pub(crate) fn count_carried(&self, connection_use: ConnectionUse) {
        self.count(|stats| stats.carried(connection_use));
    }

    /// It is handed to `reqwest`, for the first time or again.
    pub(crate) fn note_attempt(&self) {
        self.info.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_sending(&self, headers: &mut HeaderMap) {
        self.notify(|observer, request| observer.request_sending(request, headers));
    }

    pub(crate) fn note_queued(&self) {
        self.notify(Observer::request_queued);
    }

    pub(crate) fn note_dequeued(&self, wait: QueueWait) {
        self.notify(|observer, request| observer.request_dequeued(request, &wait));
    }

    pub(crate) fn note_redirected(&self, redirect: &Redirect<'_>) {
        self.notify(|observer, request| observer.request_redirected(request, redirect));
    }

    pub(crate) fn note_connection_opened(
        &self,
        connection: &Arc<ConnectionInfo>,
        made: Arc<dyn MadeConnection>,
    ) {
        self.count(RequestStats::opened);
        *self.made.lock() = Some(made);
        self.notify(|observer, request| observer.connection_opened(request, connection));
    }
}

/// A connection, as the request that it was made for sees it.
pub(crate) trait MadeConnection: Send + Sync {
    /// The request is about to be dropped before it has a response of it.
    fn dropped(&self);

    /// The request has failed for what this side did, and was dropped with that.
    fn given_up(&self);

    /// The request failed because of it.
    fn failed(self: Arc<Self>);
}

impl RequestInfo {
    /// Calls `f` with the request whose future is being polled by this task: for middlewares,
    /// resolvers and connectors, which are not given it.
    pub fn with_current<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        let current = CURRENT_REQUEST.try_with(Arc::clone).ok();
        f(current.as_deref().map(|scope| &scope.info))
    }
}
