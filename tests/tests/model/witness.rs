//! What observers hear, counted; two that must hear the same, and one between them that panics.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Extensions, Version};
use http_context::{
    BodyEnd, BodyEndReason, ConnectionClosed, ConnectionInfo, ContextId, ContextInfo, ExitReport,
    Leak, NestedOpen, Observer, PlainRequest, PoolCheckout, PoolCloseReason, PoolReturn,
    PoolSessionCreated, PoolStatus, Redirect, RequestError, RequestInfo, ResponseHead,
    SessionEnded, SessionStarted, Upgrade, UpgradeEnd, UpgradeEndReason,
};
use tokio::sync::watch;

use crate::actor::Planned;
use crate::reference::Facts;

/// The one that panics does so at each fact of so many.
const PANICS_AT: u64 = 3;

/// An observer that counts each fact, by its name and what is certain of it.
pub(crate) struct Witness {
    heard: Mutex<Heard>,
    /// Changes with every fact.
    changes: watch::Sender<()>,
    role: Role,
    /// Of the server to which the WebSockets of pools lead.
    pooled: u16,
}

enum Role {
    First,
    Panics,
    /// It hears each fact after this one.
    After(Arc<Witness>),
}

#[derive(Default)]
struct Heard {
    facts: Facts,
    count: u64,
    reports: HashMap<ContextId, ExitReport>,
    /// Facts that came before the first observer had them.
    too_early: Vec<String>,
}

impl Witness {
    /// The first, one that panics, and the last, in the order in which they are to be set.
    pub(crate) fn three(pooled: u16) -> [Arc<Self>; 3] {
        let of = |role| {
            Arc::new(Self {
                heard: Mutex::default(),
                changes: watch::Sender::new(()),
                role,
                pooled,
            })
        };
        let first = of(Role::First);
        [Arc::clone(&first), of(Role::Panics), of(Role::After(first))]
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn facts(&self) -> Facts {
        self.lock().facts.clone()
    }

    /// Facts that it has heard before the first of them.
    pub(crate) fn too_early(&self) -> Vec<String> {
        self.lock().too_early.clone()
    }

    pub(crate) fn take_report(&self, context: ContextId) -> Option<ExitReport> {
        self.lock().reports.remove(&context)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    fn is_pooled(&self, request: &RequestInfo) -> bool {
        request.origin().port() == self.pooled
    }

    fn note(&self, fact: impl AsRef<str>) {
        self.note_some(fact.as_ref(), 1);
    }

    fn note_some(&self, fact: &str, times: u64) {
        let mut heard = self.lock();
        heard.count += 1;
        let count = heard.count;
        let of_it = heard.facts.entry(fact.to_owned()).or_default();
        *of_it += times;
        if let Role::After(first) = &self.role
            && first.lock().facts.get(fact).is_none_or(|has| has < of_it)
        {
            heard.too_early.push(fact.to_owned());
        }
        drop(heard);
        self.changes.send_replace(());
        if matches!(self.role, Role::Panics) && count.is_multiple_of(PANICS_AT) {
            std::panic::panic_any(Planned);
        }
    }
}

/// What stands on one side and not on the other.
pub(crate) fn difference(expected: &Facts, got: &Facts) -> String {
    let all: BTreeMap<_, _> = expected.iter().chain(got).collect();
    let count = |facts: &Facts, fact| facts.get(fact).copied().unwrap_or_default();
    let mut text = String::new();
    for fact in all.into_keys() {
        let (expected, got) = (count(expected, fact), count(got, fact));
        if expected != got {
            let _ = write!(text, "\n  {fact}: expected {expected}, got {got}");
        }
    }
    text
}

impl Observer for Witness {
    fn context_opened(&self, _: &ContextInfo) {
        self.note("context opened");
    }

    fn nested_open(&self, _: &ContextInfo, nested: &NestedOpen) {
        self.note(format!("nested {:?}", nested.policy));
    }

    fn context_closed(&self, context: &ContextInfo, report: &ExitReport) {
        self.lock().reports.insert(context.id(), report.clone());
        self.note(format!("context closed {}", report.outcome));
    }

    fn session_opened(&self, _: &ContextInfo, started: &SessionStarted) {
        self.note(format!("session opened {}", started.source.as_str()));
    }

    fn session_closed(&self, _: &ContextInfo, _: &SessionEnded) {
        self.note("session closed");
    }

    fn request_started(&self, _: &RequestInfo, _: &reqwest::Request, _: &Extensions) {
        self.note("request started");
    }

    fn request_redirected(&self, _: &RequestInfo, _: &Redirect<'_>) {
        self.note("redirected");
    }

    fn request_answered(&self, _: &RequestInfo, head: &ResponseHead) {
        let (status, version) = (head.status.as_u16(), head.version);
        // Which connection is free over HTTP/1.1 when a request comes is a matter of moments.
        let source = match version {
            Version::HTTP_2 => head.connection_use.as_str(),
            _ => "some",
        };
        self.note(format!(
            "request answered {status} {version:?} by a {source} connection"
        ));
    }

    fn request_failed(&self, _: &RequestInfo, error: &RequestError) {
        self.note(format!("request failed {}", error.kind().as_str()));
    }

    fn request_cancelled(&self, _: &RequestInfo) {
        self.note("request cancelled");
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        self.note(match end.reason {
            BodyEndReason::Complete | BodyEndReason::Aborted if self.is_pooled(request) => {
                "body of a pool"
            }
            BodyEndReason::Complete => "body complete",
            BodyEndReason::Dropped => "body dropped",
            BodyEndReason::Aborted => "body aborted",
            _ => "body failed",
        });
    }

    fn connection_upgraded(&self, _: &RequestInfo, upgrade: &Upgrade) {
        self.note(format!("upgraded {}", upgrade.protocol));
    }

    fn upgrade_ended(&self, request: &RequestInfo, end: &UpgradeEnd) {
        let (is_dropped, code) = (end.is_dropped, end.close_code);
        let (protocol, reason) = match (end.reason, is_dropped, code) {
            // Who of the two comes first is a matter of moments.
            (UpgradeEndReason::Local | UpgradeEndReason::Exit, false, Some(1001))
                if self.is_pooled(request) =>
            {
                ("pooled", "owner")
            }
            _ if self.is_pooled(request) => ("pooled", end.reason.as_str()),
            _ => (end.protocol.as_str(), end.reason.as_str()),
        };
        self.note(format!(
            "upgrade ended {protocol} {reason} {is_dropped} {code:?}"
        ));
    }

    fn plain_request_ended(&self, _: &ContextInfo, request: &PlainRequest<'_>) {
        self.note(match request.outcome {
            Ok(status) => format!("plain request {}", status.as_u16()),
            Err(kind) => format!("plain request {}", kind.as_str()),
        });
    }

    fn connection_opened(&self, _: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        if connection.is_http2 {
            self.note("shared connection opened");
        }
    }

    fn connection_closed(&self, connection: &Arc<ConnectionInfo>, _: &ConnectionClosed) {
        if connection.is_http2 {
            self.note("shared connection closed");
        }
    }

    fn leak(&self, _: &ContextInfo, leak: &Leak) {
        let is_borrowed = leak
            .detail
            .as_deref()
            .is_some_and(|it| it.contains("borrowed"));
        let fact = if is_borrowed {
            "leak of a pool".to_owned()
        } else {
            format!("leak {}", leak.kind)
        };
        self.note_some(&fact, leak.count as u64);
    }

    fn pool_checked_out(&self, _: &PoolStatus, checkout: &PoolCheckout) {
        self.note(if checkout.is_warm {
            "pool gives warm"
        } else {
            "pool gives cold"
        });
    }

    fn pool_returned(&self, _: &PoolStatus, _: &PoolReturn) {
        self.note("pool returned");
    }

    fn pool_session_created(&self, _: &PoolStatus, _: &PoolSessionCreated) {
        self.note("pool session created");
    }

    fn pool_session_closed(&self, _: &PoolStatus, reason: PoolCloseReason) {
        self.note(format!("pool session closed {}", reason.as_str()));
    }
}
