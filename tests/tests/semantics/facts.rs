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
    fn context_opened(&self, _: &HttpContext) {
        self.note("context opened");
    }

    fn nested_open(&self, _: &HttpContext, nested: &NestedOpen) {
        let NestedOpen {
            outer_place,
            inner_place,
            policy,
            ..
        } = nested;
        let lines = format!("{} in {}", inner_place.line(), outer_place.line());
        self.note(format!("nested open {} {lines}", policy.as_str()));
    }

    fn context_closed(&self, _: &HttpContext, report: &ExitReport) {
        self.note(format!("context closed {}", report.outcome));
    }

    fn session_opened(&self, _: &HttpContext, _: SessionId, source: SessionSource) {
        self.note(format!("session {}", source.as_str()));
    }

    fn session_closed(&self, _: &HttpContext, _: SessionId) {
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

    fn request_dequeued(&self, _: &RequestInfo, _: Duration) {
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

    fn connect_abandoned(&self, _: Option<&RequestInfo>, _: Duration) {
        self.note("connect abandoned");
    }

    fn leak(&self, _: &HttpContext, leak: &Leak) {
        self.note(format!("leak {}", leak.kind));
    }
}
