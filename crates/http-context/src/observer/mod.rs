//! Every observable fact, as a plain call.

mod default;
mod observers;

use std::sync::Arc;

use http::{Extensions, HeaderMap};
use reqwest_middleware::Middleware;

use crate::error::RequestError;
use crate::facts::{
    AttemptAnswered, BodyEnd, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionClosed,
    ConnectionInfo, ContextInfo, ExitReport, Leak, NameLookup, NestedOpen, PlainRequest,
    PoolCheckout, PoolCloseReason, PoolReturn, PoolSessionCreated, PoolStatus, PoolTimeout,
    QueueWait, Redirect, RequestInfo, ResponseHead, SessionEnded, SessionStarted, Upgrade,
    UpgradeEnd,
};

pub use default::{ObserverAlreadySet, set_default_observer};
pub(crate) use observers::Observers;

/// Receives the lifecycle events of contexts, sessions, requests and connections.
///
/// Facts leave the library only through here. A method is called on the thread where its fact
/// happens, and should return soon; what it does cannot change the course of a request. Every
/// method does nothing unless it is implemented.
///
/// No lock is held meanwhile, but for one: while the session of a context is opened or closed, and
/// until observers have been notified of it, other threads that want to open or close it wait, and
/// so does the exit. So `session_opened` comes before any request of the session, and
/// `session_closed` before the next `session_opened`. The notified thread may itself ask for the
/// session.
///
/// A context can have several observers: the one of the process ([`set_default_observer`]) and
/// those of its builder ([`ContextBuilder::observer`](crate::ContextBuilder::observer)). Each
/// receives every fact, in this order.
///
/// A request starts once and ends once: answered, failed, or cancelled. An answered one ends a
/// second time with its body.
///
/// A panic in a method ends there, after the panic hook has printed it: by the convention of
/// OpenTelemetry, what observes a program does not end it. So a test should look at what its
/// observer has noted instead of asserting in it. Only [`middleware`](Self::middleware), which is
/// no fact, passes a panic on.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no observer of HTTP contexts",
    label = "does not implement `http_context::Observer`",
    note = "every method of it has a default: `impl http_context::Observer for … {{}}` is one that does nothing"
)]
pub trait Observer: Send + Sync + 'static {
    /// Called once when a session is built, with no lock held: a middleware to stand outermost in
    /// its chain, for what an observer cannot do.
    fn middleware(&self) -> Option<Arc<dyn Middleware>> {
        None
    }

    /// A context was opened: on the first poll of `open`, before the work starts.
    fn context_opened(&self, context: &ContextInfo) {}

    /// `open` was called inside a context, whatever its policy.
    fn nested_open(&self, context: &ContextInfo, nested: &NestedOpen) {}

    /// A context has exited, by whatever way out; the last fact of it. Only what other threads were
    /// doing when the exit cut them off can come right after: the end of a request that was being
    /// polled, the start and end of one that was being admitted, and a nested `open`. The report
    /// has counted them. An exit that is awaited waits for such requests, up to two seconds.
    fn context_closed(&self, context: &ContextInfo, report: &ExitReport) {}

    /// A session is ready for use.
    fn session_opened(&self, context: &ContextInfo, session: &SessionStarted) {}

    /// A session was closed: early by [`HttpSession::close`](crate::HttpSession::close), or by the
    /// exit of its context. Its requests that are still under way fail after this.
    fn session_closed(&self, context: &ContextInfo, session: &SessionEnded) {}

    /// A request was admitted, in the task of its caller: before it waits for a host slot, and
    /// before any middleware. The extensions are those that were set with
    /// [`RequestBuilder::with_extension`](crate::RequestBuilder::with_extension).
    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) {
    }

    /// The future of a request is about to be polled on this thread: for what is bound to the
    /// thread while the request is worked on, such as a span. [`exit_request`](Self::exit_request)
    /// follows on the same thread, also when the poll panics.
    fn enter_request(&self, request: &RequestInfo) {}

    /// The future of a request was polled on this thread.
    fn exit_request(&self, request: &RequestInfo) {}

    /// A request is about to be sent to its [`destination`](RequestInfo::destination), whose slot it
    /// has: once for each time that middleware sends it, and for each redirect that it follows.
    /// Headers can be added to it: that is how trace context gets out without the cost of a
    /// middleware. What is added goes with this one alone; middleware does not see it.
    fn request_sending(&self, request: &RequestInfo, headers: &mut HeaderMap) {}

    /// A request found all slots of its [`destination`](RequestInfo::destination) taken, and begins
    /// to wait: for the host of its URL, before any middleware, or for one that it is redirected to.
    fn request_queued(&self, request: &RequestInfo) {}

    /// A request that waited got its slot.
    fn request_dequeued(&self, request: &RequestInfo, wait: &QueueWait) {}

    /// A redirect is followed: it has a slot of where it leads, and `request_sending` comes next. Once
    /// for each hop. A redirect that is refused is the end of the request, and none.
    fn request_redirected(&self, request: &RequestInfo, redirect: &Redirect<'_>) {}

    /// A response head has come inside of a chain of middleware, over a connection that is known:
    /// once for each time that one of them sends the request and it is answered. A middleware may
    /// read the response, drop it, build another one of it, or hand it on. Without middleware
    /// `request_answered` says it all.
    fn attempt_answered(&self, request: &RequestInfo, attempt: &AttemptAnswered) {}

    /// The response of such an attempt is off its connection: read to its end, dropped, or failed.
    fn attempt_ended(&self, connection: &Arc<ConnectionInfo>) {}

    /// The headers of a response, right before `request_answered`. They may contain secrets.
    fn response_headers(&self, request: &RequestInfo, headers: &HeaderMap) {}

    /// The response head reaches the caller.
    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {}

    /// A connection was upgraded by the response of a request, right after `request_answered`.
    fn connection_upgraded(&self, request: &RequestInfo, upgrade: &Upgrade) {}

    /// An upgraded connection has carried something since observers heard of it last. Called about once
    /// a second, and only on a thread of the library, for what counts while a connection is open.
    ///
    /// It may come while `upgrade_ended` is being called on another thread, or right after it, and then
    /// says nothing that the end does not say: whoever adds up takes the difference to what is added
    /// up already.
    fn upgrade_progressed(&self, request: &RequestInfo, upgrade: &Upgrade) {}

    /// An upgraded connection has ended: its holder let go of it, or its session was closed.
    /// `response_body_ended` follows.
    fn upgrade_ended(&self, request: &RequestInfo, end: &UpgradeEnd) {}

    /// A request ended without a response, other than by its caller's will. A session that closes
    /// under it is such an end.
    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {}

    /// The future of a request was dropped before it ended.
    fn request_cancelled(&self, request: &RequestInfo) {}

    /// Nothing more will come of the body of a response; once for each answered request.
    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {}

    /// The name of a host was resolved, or could not be.
    fn name_resolved(&self, request: &RequestInfo, lookup: &NameLookup) {}

    /// A connection is about to be made. Exactly one of `connection_opened`, `connect_failed` and
    /// `connect_abandoned` follows.
    fn connect_started(&self, request: &RequestInfo, connect: &ConnectStarted<'_>) {}

    /// A connection was made: DNS, TCP, and TLS where it applies. Another connection may have
    /// served the request in the meantime.
    fn connection_opened(&self, request: &RequestInfo, connection: &Arc<ConnectionInfo>) {}

    /// A connection could not be made.
    fn connect_failed(&self, request: &RequestInfo, failure: &ConnectFailure<'_>) {}

    /// Making a connection was given up: nobody needed it any more, or it took longer than
    /// `connect_timeout`. In the latter case the request fails with the error that says so, unless
    /// a middleware sends it again.
    fn connect_abandoned(&self, request: &RequestInfo, abandoned: &ConnectAbandoned<'_>) {}

    /// A request of a plain client was answered or has failed. All that is known of it comes at once,
    /// and none of the facts of a request is of it. Which of them are not seen
    /// [is in a table](crate::guide::ambient_or_captured).
    fn plain_request_ended(&self, context: &ContextInfo, request: &PlainRequest<'_>) {}

    /// A plain client has resolved the name of a host, or could not.
    fn plain_name_resolved(&self, context: &ContextInfo, lookup: &NameLookup) {}

    /// A plain client has made a connection. `connection_closed` follows.
    fn plain_connection_opened(&self, context: &ContextInfo, connection: &Arc<ConnectionInfo>) {}

    /// A plain client could not make a connection.
    fn plain_connect_failed(&self, context: &ContextInfo, failure: &ConnectFailure<'_>) {}

    /// A connection is closed; once for each `connection_opened` and `plain_connection_opened`. It may have outlived its request and
    /// its context, in a pool.
    fn connection_closed(&self, connection: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {}

    /// A leak was found: those of an exit come right before `context_closed`, an overdue context
    /// and a use after the exit at once, and sockets that are held of a context that was dropped
    /// some seconds after that.
    fn leak(&self, context: &ContextInfo, leak: &Leak) {}

    /// Something that was reported as leaked was released after all: a handle dropped, a task
    /// ended, a socket closed, an overdue context closed. `count` says how many of it; `age` is
    /// measured anew.
    fn leak_resolved(&self, context: &ContextInfo, leak: &Leak) {}

    /// A context waits for a permit of a pool. Exactly one of `pool_checked_out`, `pool_timed_out`
    /// and `pool_wait_abandoned` follows.
    ///
    /// The observer of the process and those of the [pool's builder](crate::PoolBuilder::observer)
    /// receive the facts of a pool; the counts are those after the fact.
    fn pool_wait_started(&self, pool: &PoolStatus) {}

    /// A context that waited for a permit was dropped before it got one, or the pool was closed.
    fn pool_wait_abandoned(&self, pool: &PoolStatus) {}

    /// A context got no permit in time.
    fn pool_timed_out(&self, pool: &PoolStatus, timeout: &PoolTimeout) {}

    /// A context got a permit of a pool, with or without a warm session.
    fn pool_checked_out(&self, pool: &PoolStatus, checkout: &PoolCheckout) {}

    /// A session was built for a permit that came without one.
    fn pool_session_created(&self, pool: &PoolStatus, created: &PoolSessionCreated) {}

    /// A context gave its permit back.
    fn pool_returned(&self, pool: &PoolStatus, returned: &PoolReturn) {}

    /// A session of a pool was closed.
    fn pool_session_closed(&self, pool: &PoolStatus, reason: PoolCloseReason) {}

    /// A pool was closed, or dropped with all its sessions: the last fact of it, unless contexts
    /// still have permits.
    fn pool_closed(&self, pool: &PoolStatus) {}
}
