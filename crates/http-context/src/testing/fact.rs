//! Facts as values, for tests to look at.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};

use crate::caller::Caller;
use crate::error::ErrorKind;
use crate::facts::{
    BodyEnd, ConnectionInfo, ExitReport, Leak, NameLookup, NestedOpen, PoolCheckout,
    PoolCloseReason, PoolReturn, PoolSessionCreated, PoolStatus, PoolTimeout, ResponseHead,
    SessionSource, Upgrade, UpgradeEnd,
};
use crate::identity::{CallSite, ContextId, RequestId, SessionId};

/// One call of an [`Observer`](crate::Observer); each variant is named after its method.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "documented by the methods of the observer")]
pub enum Fact {
    ContextOpened {
        context: ContextId,
    },
    NestedOpen(NestedOpen),
    ContextClosed(ExitReport),
    SessionOpened {
        context: ContextId,
        session: SessionId,
        source: SessionSource,
    },
    SessionClosed {
        context: ContextId,
        session: SessionId,
    },
    /// The URL is redacted.
    RequestStarted {
        request: RequestId,
        context: ContextId,
        session: SessionId,
        method: Method,
        url: Url,
        call_site: CallSite,
        caller: Option<Caller>,
    },
    RequestQueued {
        request: RequestId,
    },
    RequestDequeued {
        request: RequestId,
        waited: Duration,
    },
    RequestSending {
        request: RequestId,
    },
    /// The origin is that of the target, as `scheme://host:port`.
    RequestRedirected {
        request: RequestId,
        status: StatusCode,
        origin: String,
    },
    RequestAnswered {
        request: RequestId,
        head: ResponseHead,
        /// The size of the request's body, once all of it was handed on.
        sent: Option<u64>,
        resends: u32,
    },
    ConnectionUpgraded {
        request: RequestId,
        upgrade: Upgrade,
    },
    UpgradeEnded {
        request: RequestId,
        end: UpgradeEnd,
    },
    /// With the text of the error and of its sources.
    RequestFailed {
        request: RequestId,
        kind: ErrorKind,
        error: String,
        /// Whether the body of the request failed.
        body_failed: bool,
    },
    RequestCancelled {
        request: RequestId,
    },
    ResponseBodyEnded {
        request: RequestId,
        end: BodyEnd,
    },
    NameResolved {
        request: RequestId,
        lookup: NameLookup,
    },
    /// The origin as `scheme://host:port`.
    ConnectStarted {
        request: RequestId,
        origin: String,
    },
    ConnectionOpened {
        request: RequestId,
        connection: Arc<ConnectionInfo>,
    },
    ConnectFailed {
        request: RequestId,
        kind: ErrorKind,
        duration: Duration,
    },
    ConnectAbandoned {
        request: RequestId,
        duration: Duration,
    },
    /// The origin as `scheme://host:port`.
    PlainRequestEnded {
        context: ContextId,
        session: SessionId,
        method: Method,
        origin: String,
        outcome: Result<StatusCode, ErrorKind>,
    },
    PlainNameResolved {
        context: ContextId,
        lookup: NameLookup,
    },
    PlainConnectionOpened {
        context: ContextId,
        connection: Arc<ConnectionInfo>,
    },
    PlainConnectFailed {
        context: ContextId,
        kind: ErrorKind,
        duration: Duration,
    },
    Leak(Leak),
    LeakResolved(Leak),
    PoolWaitStarted(PoolStatus),
    PoolWaitAbandoned(PoolStatus),
    PoolTimedOut(PoolStatus, PoolTimeout),
    PoolCheckedOut(PoolStatus, PoolCheckout),
    PoolSessionCreated(PoolStatus, PoolSessionCreated),
    PoolReturned(PoolStatus, PoolReturn),
    PoolSessionClosed(PoolStatus, PoolCloseReason),
    PoolClosed(PoolStatus),
}

impl Fact {
    /// The method of the observer, in its own letters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ContextOpened { .. } => "context_opened",
            Self::NestedOpen(_) => "nested_open",
            Self::ContextClosed(_) => "context_closed",
            Self::SessionOpened { .. } => "session_opened",
            Self::SessionClosed { .. } => "session_closed",
            Self::RequestStarted { .. } => "request_started",
            Self::RequestQueued { .. } => "request_queued",
            Self::RequestDequeued { .. } => "request_dequeued",
            Self::RequestSending { .. } => "request_sending",
            Self::RequestRedirected { .. } => "request_redirected",
            Self::RequestAnswered { .. } => "request_answered",
            Self::ConnectionUpgraded { .. } => "connection_upgraded",
            Self::UpgradeEnded { .. } => "upgrade_ended",
            Self::RequestFailed { .. } => "request_failed",
            Self::RequestCancelled { .. } => "request_cancelled",
            Self::ResponseBodyEnded { .. } => "response_body_ended",
            Self::NameResolved { .. } => "name_resolved",
            Self::ConnectStarted { .. } => "connect_started",
            Self::ConnectionOpened { .. } => "connection_opened",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::ConnectAbandoned { .. } => "connect_abandoned",
            Self::PlainRequestEnded { .. } => "plain_request_ended",
            Self::PlainNameResolved { .. } => "plain_name_resolved",
            Self::PlainConnectionOpened { .. } => "plain_connection_opened",
            Self::PlainConnectFailed { .. } => "plain_connect_failed",
            Self::Leak(_) => "leak",
            Self::LeakResolved(_) => "leak_resolved",
            Self::PoolWaitStarted(_) => "pool_wait_started",
            Self::PoolWaitAbandoned(_) => "pool_wait_abandoned",
            Self::PoolTimedOut(..) => "pool_timed_out",
            Self::PoolCheckedOut(..) => "pool_checked_out",
            Self::PoolSessionCreated(..) => "pool_session_created",
            Self::PoolReturned(..) => "pool_returned",
            Self::PoolSessionClosed(..) => "pool_session_closed",
            Self::PoolClosed(_) => "pool_closed",
        }
    }
}
