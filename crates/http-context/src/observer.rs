//! Every observable fact, as a plain call.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Extensions, HeaderMap};
use reqwest::{StatusCode, Url, Version};
use reqwest_middleware::Middleware;

use crate::connection::{ConnectFailure, ConnectionInfo, ConnectionUse, NameLookup};
use crate::context::HttpContext;
use crate::error::RequestError;
use crate::host_slots::Host;
use crate::id::SessionId;
use crate::leak::Leak;
use crate::nested::NestedOpen;
use crate::pool::{PoolCloseReason, PoolStatus};
use crate::report::ExitReport;
use crate::request_info::RequestInfo;

/// Is told what happens in contexts, sessions, requests and connections.
///
/// Facts leave the library only through here. A method is called on the thread where its fact
/// happens, and should return soon; what it does cannot change the course of a request. Every
/// method does nothing unless it is implemented.
///
/// No lock is held meanwhile, but for one: while the session of a context is opened or closed, and
/// until that is told, other threads that want to open or close it wait, and so does the exit. Thus
/// a session is told as opened before any request of it, and as closed before the next one is told
/// as opened. The thread that is told may ask for the session itself.
///
/// An observer serves the whole process after [`set_default_observer`], or one context after
/// [`ContextBuilder::observer`](crate::ContextBuilder::observer), which then replaces the default
/// one.
///
/// Each request is told as started once and then ends once: answered, failed, or cancelled. An
/// answered one ends a second time with its body.
///
/// A panic in a method ends there, after the panic hook has printed it: by the convention of
/// OpenTelemetry, what observes a program does not end it. So a test looks at what its observer has
/// noted, rather than to assert in it. Only [`poll_request`](Self::poll_request) and
/// [`middleware`](Self::middleware), which are no facts, pass a panic on.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use http_context::{Observer, RequestInfo};
///
/// #[derive(Default)]
/// struct Requests(AtomicU64);
///
/// impl Observer for Requests {
///     fn request_started(&self, _: &RequestInfo, _: &reqwest::Request, _: &http::Extensions) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
/// ```
#[allow(
    unused_variables,
    reason = "the names document what an implementation is given"
)]
pub trait Observer: Send + Sync + 'static {
    /// Asked once when a session is built: a middleware to stand outermost in its chain, for what
    /// an observer cannot do, such as adding headers.
    fn middleware(&self) -> Option<Arc<dyn Middleware>> {
        None
    }

    /// Called when a context was opened: on the first poll of `open`, before the work starts.
    fn context_opened(&self, context: &HttpContext) {}

    /// Called when `open` was called inside a context, whatever its policy.
    fn nested_open(&self, context: &HttpContext, nested: &NestedOpen) {}

    /// Called when a context has exited, by every way out, as the last fact of it. Only what other
    /// threads were at when the exit cut them off can come right after: a request that was being
    /// polled is told as ended then, one that was being admitted also as started, and an `open`
    /// inside the context as nested. The report has counted them. An exit that is awaited waits for
    /// such requests, up to two seconds.
    fn context_closed(&self, context: &HttpContext, report: &ExitReport) {}

    /// Called when a session is ready for use.
    fn session_opened(&self, context: &HttpContext, session: SessionId, source: SessionSource) {}

    /// Called when a session was closed: early by [`HttpSession::close`](crate::HttpSession::close),
    /// or by the exit of its context. A request that another thread was admitting meanwhile is told
    /// right after, as started and as failed.
    fn session_closed(&self, context: &HttpContext, session: SessionId) {}

    /// Called when a request was admitted, in the task of its caller: before it waits for a host
    /// slot, and before any middleware. The extensions are those that were set with
    /// [`RequestBuilder::with_extension`](crate::RequestBuilder::with_extension).
    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) {
    }

    /// Called around each poll of a request's future: has to call `poll`, once. For what is bound
    /// to the thread while the request is worked on, such as a span.
    fn poll_request(&self, request: &RequestInfo, poll: &mut dyn FnMut()) {
        poll();
    }

    /// Called when a request has its slot and is handed to the middleware. Headers can be added
    /// to it: that is how trace context gets out without the cost of a middleware.
    fn request_sending(&self, request: &RequestInfo, headers: &mut HeaderMap) {}

    /// Called when a request found all slots of its host taken, and begins to wait.
    fn request_queued(&self, request: &RequestInfo) {}

    /// Called when a request that waited got its slot.
    fn request_dequeued(&self, request: &RequestInfo, waited: Duration) {}

    /// Called for each redirect that is followed, once for a hop. `server` is the host that it
    /// leads to.
    fn request_redirected(
        &self,
        request: &RequestInfo,
        status: StatusCode,
        to: &Url,
        server: &Arc<Host>,
    ) {
    }

    /// Called right before `request_answered`, with the headers of the response. They may hold
    /// secrets.
    fn response_headers(&self, request: &RequestInfo, headers: &HeaderMap) {}

    /// Called when the response head reaches the caller.
    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {}

    /// Called when a request ended without a response, other than by its caller's will. A session
    /// that closes under it is such an end.
    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {}

    /// Called when the future of a request was dropped before it ended.
    fn request_cancelled(&self, request: &RequestInfo) {}

    /// Called once for each answered request, when nothing more will come of its body.
    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {}

    /// Called when the name of a host was resolved, or could not be.
    fn name_resolved(&self, request: Option<&RequestInfo>, lookup: &NameLookup) {}

    /// Called when a connection is about to be made. Exactly one of `connection_opened`,
    /// `connect_failed` and `connect_abandoned` follows.
    fn connect_started(&self, request: Option<&RequestInfo>, server: &Arc<Host>) {}

    /// Called when a connection was made: DNS, TCP, and TLS where it applies. The request that
    /// asked for it may have been served by another one in the meantime.
    fn connection_opened(&self, request: Option<&RequestInfo>, connection: &Arc<ConnectionInfo>) {}

    /// Called when a connection could not be made.
    fn connect_failed(&self, request: Option<&RequestInfo>, failure: &ConnectFailure<'_>) {}

    /// Called when making a connection was given up: nobody needed it any more, or it took longer
    /// than `connect_timeout`. In the latter case the request fails with the error that says so,
    /// unless a middleware sends it again.
    fn connect_abandoned(&self, request: Option<&RequestInfo>, after: Duration) {}

    /// Called for each leak that is found: those of an exit right before `context_closed`, an
    /// overdue context and a use after the exit at once.
    fn leak(&self, context: &HttpContext, leak: &Leak) {}

    /// Called when something that was told as leaked is let go after all: a handle dropped, a task
    /// ended, a socket closed, an overdue context closed. Its count is how many, and its age the
    /// whole age. A use after the exit has nothing to let go.
    fn leak_resolved(&self, context: &HttpContext, leak: &Leak) {}

    /// Called when a context begins to wait for a place in its pool. Exactly one of
    /// `pool_checked_out`, `pool_timed_out` and `pool_wait_abandoned` follows.
    ///
    /// The facts of a pool go to the observer of its session options, or else to the default one.
    /// Each comes with the counts as they are after it.
    fn pool_wait_started(&self, pool: &PoolStatus) {}

    /// Called when one that waited has given up: its future was dropped, or the pool closed.
    fn pool_wait_abandoned(&self, pool: &PoolStatus) {}

    /// Called when a context got no place in its pool, having waited for so long.
    fn pool_timed_out(&self, pool: &PoolStatus, waited: Duration) {}

    /// Called when a context got its place, having waited for so long; warm with a session or not.
    fn pool_checked_out(&self, pool: &PoolStatus, waited: Duration, is_warm: bool) {}

    /// Called when a session was built for a place that had none.
    fn pool_session_created(&self, pool: &PoolStatus, took: Duration) {}

    /// Called when a context has given its place back, with its session or without.
    fn pool_returned(&self, pool: &PoolStatus, used: Duration) {}

    /// Called when a pool closed a session instead of handing it on.
    fn pool_session_closed(&self, pool: &PoolStatus, reason: PoolCloseReason) {}

    /// Called once for each pool, when it is closed, or let go of without that. Contexts that have a
    /// place in it then still give it back.
    fn pool_closed(&self, pool: &PoolStatus) {}
}

/// Where a session came from. The strings are the values of the label `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionSource {
    /// Built for its context.
    Created,
    /// Built because the one before was closed while its context was still open.
    Recreated,
    /// Taken warm from a pool.
    Pooled,
}

impl SessionSource {
    /// The value of the label `source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Recreated => "recreated",
            Self::Pooled => "pooled",
        }
    }
}

/// The head of a response, as it reached the caller.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResponseHead {
    /// Its status.
    pub status: StatusCode,
    /// The HTTP version it came in.
    pub version: Version,
    /// Whether its connection was new. Exactly one for each response head.
    pub connection_use: ConnectionUse,
    /// Its connection, when that is known.
    pub connection: Option<Arc<ConnectionInfo>>,
    /// The address it came from, when that is known.
    pub peer: Option<SocketAddr>,
    /// The length of its body in bytes, when that was announced.
    pub content_length: Option<u64>,
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyEnd {
    /// What ended it.
    pub reason: BodyEndReason,
    /// Bytes that the caller was given.
    pub bytes: u64,
    /// From the response head to the end.
    pub duration: Duration,
}

/// What ended a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyEndReason {
    /// It was read to its end, or had none.
    Complete,
    /// The connection or the peer failed, or it was longer than allowed.
    Failed,
    /// The caller dropped it before its end.
    Dropped,
    /// Its session was closed.
    Aborted,
}

static DEFAULT_OBSERVER: OnceLock<Arc<dyn Observer>> = OnceLock::new();

/// Installs the observer of every context that has none of its own.
///
/// Call it once, at start-up: contexts that are already open are not affected.
///
/// # Errors
///
/// [`ObserverAlreadySet`] when there is one; it stays.
pub fn set_default_observer(observer: Arc<dyn Observer>) -> Result<(), ObserverAlreadySet> {
    DEFAULT_OBSERVER
        .set(observer)
        .map_err(|_| ObserverAlreadySet)
}

/// Tells a fact. All of them are told through here.
pub(crate) fn tell(observer: &dyn Observer, fact: impl FnOnce(&dyn Observer)) {
    // A panic of it is not to take along a request, an exit, or a thread that looks after others.
    drop(catch_unwind(AssertUnwindSafe(|| fact(observer))));
}

pub(crate) fn default_observer() -> Option<Arc<dyn Observer>> {
    DEFAULT_OBSERVER.get().cloned()
}

/// A default observer was installed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a default observer is already installed: install one in a process, at start-up")]
#[non_exhaustive]
pub struct ObserverAlreadySet;
