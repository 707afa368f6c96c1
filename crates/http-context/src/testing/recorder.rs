//! An observer that records every fact.

use std::fmt::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::fact::Fact;
use crate::error::RequestError;
use crate::facts::{
    BodyEnd, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionInfo, ContextInfo,
    ExitReport, Leak, NameLookup, NestedOpen, PlainRequest, PoolCheckout, PoolCloseReason,
    PoolReturn, PoolSessionCreated, PoolStatus, PoolTimeout, QueueWait, Redirect, RequestInfo,
    ResponseHead, SessionEnded, SessionStarted, Upgrade, UpgradeEnd,
};
use crate::identity::Origin;
use crate::observer::Observer;

/// An [`Observer`] that records every fact, for tests to look at. What a thread of the library samples
/// at some time, [`upgrade_progressed`](Observer::upgrade_progressed), is not among them.
///
/// ```
/// use std::sync::Arc;
/// use http_context::{OpenError, builder, testing::Recorder};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// let recorder = Arc::new(Recorder::new());
/// builder().observer(recorder.clone()).open(async { Ok::<_, OpenError>(()) }).await?;
/// assert_eq!(recorder.reports().len(), 1);
/// assert!(recorder.leaks().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Recorder {
    facts: Mutex<Vec<Fact>>,
    /// Notified of each fact, for those who wait for one.
    noted: watch::Sender<()>,
}

impl Recorder {
    /// One without a fact.
    pub fn new() -> Self {
        Self {
            facts: Mutex::default(),
            noted: watch::Sender::new(()),
        }
    }

    /// Everything so far, in order.
    pub fn facts(&self) -> Vec<Fact> {
        self.facts.lock().clone()
    }

    /// The exit reports so far.
    pub fn reports(&self) -> Vec<ExitReport> {
        self.all(|fact| match fact {
            Fact::ContextClosed(report) => Some(report.clone()),
            _ => None,
        })
    }

    /// The leaks so far, those that were resolved included.
    pub fn leaks(&self) -> Vec<Leak> {
        self.all(|fact| match fact {
            Fact::Leak(leak) => Some(leak.clone()),
            _ => None,
        })
    }

    /// The leaks that were resolved so far.
    pub fn resolved(&self) -> Vec<Leak> {
        self.all(|fact| match fact {
            Fact::LeakResolved(leak) => Some(leak.clone()),
            _ => None,
        })
    }

    /// The names of the facts so far, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.all(|fact| Some(fact.name()))
    }

    /// What `pick` makes of each fact, where it makes something of it.
    pub fn all<T>(&self, pick: impl FnMut(&Fact) -> Option<T>) -> Vec<T> {
        self.facts.lock().iter().filter_map(pick).collect()
    }

    /// Waits for the first fact of which `is_it` says so, those so far included.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for(&self, mut is_it: impl FnMut(&Fact) -> bool) -> Fact {
        let mut noted = self.noted.subscribe();
        let mut seen = 0;
        loop {
            noted.borrow_and_update();
            {
                let facts = self.facts.lock();
                if let Some(fact) = facts[seen..].iter().find(|fact| is_it(fact)) {
                    return fact.clone();
                }
                seen = facts.len();
            }
            if noted.changed().await.is_err() {
                unreachable!("the sender lives as long as the recorder");
            }
        }
    }

    fn note(&self, fact: Fact) {
        self.facts.lock().push(fact);
        self.noted.send_replace(());
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Recorder {
    fn context_opened(&self, context: &ContextInfo) {
        let context = context.id();
        self.note(Fact::ContextOpened { context });
    }

    fn nested_open(&self, _: &ContextInfo, nested: &NestedOpen) {
        self.note(Fact::NestedOpen(*nested));
    }

    fn context_closed(&self, _: &ContextInfo, report: &ExitReport) {
        self.note(Fact::ContextClosed(report.clone()));
    }

    fn session_opened(&self, context: &ContextInfo, started: &SessionStarted) {
        self.note(Fact::SessionOpened {
            context: context.id(),
            session: started.session,
            source: started.source,
        });
    }

    fn session_closed(&self, context: &ContextInfo, ended: &SessionEnded) {
        self.note(Fact::SessionClosed {
            context: context.id(),
            session: ended.session,
        });
    }

    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        _: &http::Extensions,
    ) {
        let redaction = request.context().redaction();
        self.note(Fact::RequestStarted {
            request: request.id(),
            context: request.context().id(),
            session: request.session(),
            method: request.method().clone(),
            url: redaction.redact(head.url()).into_owned(),
            call_site: request.call_site(),
            caller: request.caller(),
        });
    }

    fn request_queued(&self, request: &RequestInfo) {
        let request = request.id();
        self.note(Fact::RequestQueued { request });
    }

    fn request_dequeued(&self, request: &RequestInfo, wait: &QueueWait) {
        self.note(Fact::RequestDequeued {
            request: request.id(),
            waited: wait.duration,
        });
    }

    fn request_sending(&self, request: &RequestInfo, _: &mut http::HeaderMap) {
        let request = request.id();
        self.note(Fact::RequestSending { request });
    }

    fn request_redirected(&self, request: &RequestInfo, redirect: &Redirect<'_>) {
        self.note(Fact::RequestRedirected {
            request: request.id(),
            status: redirect.status,
            origin: text(redirect.origin),
        });
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.note(Fact::RequestAnswered {
            request: request.id(),
            head: head.clone(),
            sent: request.body_size(),
            resends: request.resends(),
        });
    }

    fn connection_upgraded(&self, request: &RequestInfo, upgrade: &Upgrade) {
        self.note(Fact::ConnectionUpgraded {
            request: request.id(),
            upgrade: upgrade.clone(),
        });
    }

    fn upgrade_ended(&self, request: &RequestInfo, end: &UpgradeEnd) {
        self.note(Fact::UpgradeEnded {
            request: request.id(),
            end: end.clone(),
        });
    }

    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.note(Fact::RequestFailed {
            request: request.id(),
            kind: error.kind(),
            error: text,
            body_failed: request.body_failed(),
        });
    }

    fn request_cancelled(&self, request: &RequestInfo) {
        let request = request.id();
        self.note(Fact::RequestCancelled { request });
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        self.note(Fact::ResponseBodyEnded {
            request: request.id(),
            end: *end,
        });
    }

    fn name_resolved(&self, request: &RequestInfo, lookup: &NameLookup) {
        self.note(Fact::NameResolved {
            request: request.id(),
            lookup: lookup.clone(),
        });
    }

    fn connect_started(&self, request: &RequestInfo, connect: &ConnectStarted<'_>) {
        self.note(Fact::ConnectStarted {
            request: request.id(),
            origin: text(connect.origin),
        });
    }

    fn connection_opened(&self, request: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        self.note(Fact::ConnectionOpened {
            request: request.id(),
            connection: Arc::clone(connection),
        });
    }

    fn connect_failed(&self, request: &RequestInfo, failure: &ConnectFailure<'_>) {
        self.note(Fact::ConnectFailed {
            request: request.id(),
            kind: failure.kind(),
            duration: failure.duration,
        });
    }

    fn connect_abandoned(&self, request: &RequestInfo, abandoned: &ConnectAbandoned<'_>) {
        self.note(Fact::ConnectAbandoned {
            request: request.id(),
            duration: abandoned.duration,
        });
    }

    fn plain_request_ended(&self, context: &ContextInfo, request: &PlainRequest<'_>) {
        self.note(Fact::PlainRequestEnded {
            context: context.id(),
            session: request.session,
            method: request.method.clone(),
            origin: text(request.origin),
            outcome: request.outcome,
        });
    }

    fn plain_name_resolved(&self, context: &ContextInfo, lookup: &NameLookup) {
        self.note(Fact::PlainNameResolved {
            context: context.id(),
            lookup: lookup.clone(),
        });
    }

    fn plain_connection_opened(&self, context: &ContextInfo, connection: &Arc<ConnectionInfo>) {
        self.note(Fact::PlainConnectionOpened {
            context: context.id(),
            connection: Arc::clone(connection),
        });
    }

    fn plain_connect_failed(&self, context: &ContextInfo, failure: &ConnectFailure<'_>) {
        self.note(Fact::PlainConnectFailed {
            context: context.id(),
            kind: failure.kind(),
            duration: failure.duration,
        });
    }

    fn leak(&self, _: &ContextInfo, leak: &Leak) {
        self.note(Fact::Leak(leak.clone()));
    }

    fn leak_resolved(&self, _: &ContextInfo, leak: &Leak) {
        self.note(Fact::LeakResolved(leak.clone()));
    }

    fn pool_wait_started(&self, pool: &PoolStatus) {
        self.note(Fact::PoolWaitStarted(*pool));
    }

    fn pool_wait_abandoned(&self, pool: &PoolStatus) {
        self.note(Fact::PoolWaitAbandoned(*pool));
    }

    fn pool_timed_out(&self, pool: &PoolStatus, timeout: &PoolTimeout) {
        self.note(Fact::PoolTimedOut(*pool, *timeout));
    }

    fn pool_checked_out(&self, pool: &PoolStatus, checkout: &PoolCheckout) {
        self.note(Fact::PoolCheckedOut(*pool, *checkout));
    }

    fn pool_session_created(&self, pool: &PoolStatus, created: &PoolSessionCreated) {
        self.note(Fact::PoolSessionCreated(*pool, *created));
    }

    fn pool_returned(&self, pool: &PoolStatus, returned: &PoolReturn) {
        self.note(Fact::PoolReturned(*pool, *returned));
    }

    fn pool_session_closed(&self, pool: &PoolStatus, reason: PoolCloseReason) {
        self.note(Fact::PoolSessionClosed(*pool, reason));
    }

    fn pool_closed(&self, pool: &PoolStatus) {
        self.note(Fact::PoolClosed(*pool));
    }
}

fn text(origin: &Origin) -> String {
    format!("{}://{origin}", origin.scheme())
}
