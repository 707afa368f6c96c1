//! An observer that writes down what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_context::{
    BodyEnd, ExitReport, HttpContext, Leak, NestedOpen, Observer, RequestError, RequestInfo,
    ResponseHead, SessionId, SessionSource,
};

/// The facts, a line each, in the order in which they were told.
#[derive(Default)]
pub(crate) struct Facts(Mutex<Vec<String>>);

impl Facts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// How many of the facts begin like this.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.all()
            .iter()
            .filter(|fact| fact.starts_with(beginning))
            .count()
    }

    fn note(&self, fact: impl Into<String>) {
        self.0.lock().unwrap().push(fact.into());
    }
}

impl Observer for Facts {
    fn context_opened(&self, _: &ContextInfo) {
        self.note("context opened");
    }

    fn nested_open(&self, _: &ContextInfo, nested: &NestedOpen) {
        let NestedOpen {
            outer_opened_at,
            called_at,
            policy,
            ..
        } = nested;
        let lines = format!("{} in {}", called_at.line(), outer_opened_at.line());
        self.note(format!("nested open {} {lines}", policy.as_str()));
    }

    fn context_closed(&self, _: &ContextInfo, report: &ExitReport) {
        self.note(format!("context closed {}", report.outcome));
    }

    fn session_opened(&self, _: &ContextInfo, started: &SessionStarted) {
        self.note(format!("session {}", source.as_str()));
    }

    fn session_closed(&self, _: &ContextInfo, ended: &SessionEnded) {
        self.note("session closed");
    }

    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        _: &http::Extensions,
    ) {
        self.note(format!(
            "request started {} {}",
            request.method(),
            head.url().path()
        ));
    }

    fn request_queued(&self, _: &RequestInfo) {
        self.note("request queued");
    }

    fn request_dequeued(&self, _: &RequestInfo, _: &QueueWait) {
        self.note("request dequeued");
    }

    fn request_answered(&self, _: &RequestInfo, head: &ResponseHead) {
        self.note(format!(
            "request answered {} {}",
            head.status.as_u16(),
            head.connection_use.as_str()
        ));
    }

    fn request_failed(&self, _: &RequestInfo, error: &RequestError) {
        self.note(format!("request failed: {error}"));
    }

    fn request_cancelled(&self, _: &RequestInfo) {
        self.note("request cancelled");
    }

    fn response_body_ended(&self, _: &RequestInfo, end: &BodyEnd) {
        self.note(format!("body {:?} {}", end.reason, end.bytes));
    }

    fn connect_abandoned(&self, _: &RequestInfo, _: &ConnectAbandoned<'_>) {
        self.note("connect abandoned");
    }

    fn leak(&self, _: &ContextInfo, leak: &Leak) {
        self.note(format!("leak {}", leak.kind));
    }
}
