//! An observer that stops a thread in the middle of a fact.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_context::{
    BodyEnd, ContextInfo, ExitReport, NestedOpen, Observer, RequestError, RequestInfo,
    ResponseHead, SessionEnded, SessionStarted,
};
use http_context_tests::Books;

/// Within this, what is to happen has happened.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Notes facts, and before it notes the first of one kind it stops the thread that it happens on.
pub(crate) struct Stopping {
    pub(crate) books: Books,
    stop: Mutex<Option<Stop>>,
    facts: Mutex<Vec<&'static str>>,
}

/// Where to stop, whom to notify of that, and what to wait for.
struct Stop(&'static str, Sender<()>, Receiver<()>);

/// A thread that is stopped. Dropped, it goes on.
pub(crate) struct Stopped {
    is_there: Receiver<()>,
    #[expect(dead_code, reason = "its drop is what is waited for")]
    go_on: Sender<()>,
}

impl Stopping {
    pub(crate) fn at(fact: &'static str) -> (Arc<Self>, Stopped) {
        let observer = Arc::new(Self {
            books: Books::new(),
            stop: Mutex::default(),
            facts: Mutex::default(),
        });
        let stopped = observer.stop_at(fact);
        (observer, stopped)
    }

    pub(crate) fn stop_at(&self, fact: &'static str) -> Stopped {
        let (there, is_there) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        *self.stop.lock().unwrap() = Some(Stop(fact, there, goes_on));
        Stopped { is_there, go_on }
    }

    pub(crate) fn facts(&self) -> Vec<&'static str> {
        self.facts.lock().unwrap().clone()
    }

    pub(crate) fn about(&self, what: &str) -> Vec<&'static str> {
        let mut facts = self.facts();
        facts.retain(|fact| fact.starts_with(what));
        facts
    }

    fn stop(&self, fact: &'static str) {
        let stop = self.stop.lock().unwrap().take_if(|stop| stop.0 == fact);
        if let Some(Stop(_, there, goes_on)) = stop {
            there.send(()).unwrap();
            assert_eq!(
                goes_on.recv_timeout(DEADLINE),
                Err(RecvTimeoutError::Disconnected)
            );
        }
    }

    fn note(&self, fact: &'static str) {
        self.stop(fact);
        self.facts.lock().unwrap().push(fact);
    }
}

impl Stopped {
    pub(crate) fn wait(&self) {
        self.is_there.recv_timeout(DEADLINE).unwrap();
    }
}

impl Observer for Stopping {
    fn context_opened(&self, context: &ContextInfo) {
        self.books.context_opened(context);
    }

    fn context_closed(&self, context: &ContextInfo, report: &ExitReport) {
        self.note("context closed");
        self.books.context_closed(context, report);
    }

    fn nested_open(&self, context: &ContextInfo, nested: &NestedOpen) {
        self.note("nested open");
        self.books.nested_open(context, nested);
    }

    fn session_opened(&self, context: &ContextInfo, started: &SessionStarted) {
        self.note("session opened");
        self.books.session_opened(context, started);
    }

    fn session_closed(&self, context: &ContextInfo, ended: &SessionEnded) {
        self.note("session closed");
        self.books.session_closed(context, ended);
    }

    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &http::Extensions,
    ) {
        self.note("request started");
        self.books.request_started(request, head, extensions);
    }

    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {
        self.note("request failed");
        self.books.request_failed(request, error);
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.note("request answered");
        self.books.request_answered(request, head);
    }

    fn enter_request(&self, _: &RequestInfo) {
        self.stop("enter request");
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        self.note("body ended");
        self.books.response_body_ended(request, end);
    }
}
