//! An observer that stops a thread in the middle of a fact.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_context::testing::Recorder;
use http_context::{
    BodyEnd, ContextBuilder, ContextInfo, NestedOpen, Observer, RequestInfo, ResponseHead,
    SessionEnded, SessionStarted, builder,
};
use http_context_tests::InvariantObserver;

/// Within this, what is to happen has happened.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What observes the contexts of a test: first what stops a thread at a fact, then what notes it.
pub(crate) struct Observed {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) invariants: Arc<InvariantObserver>,
    stops: Arc<Stops>,
}

impl Observed {
    /// Stops the first thread on which this fact happens.
    pub(crate) fn stopping_at(fact: &'static str) -> (Self, Stopped) {
        let observed = Self {
            recorder: Arc::default(),
            invariants: Arc::default(),
            stops: Arc::default(),
        };
        let stopped = observed.stop_at(fact);
        (observed, stopped)
    }

    /// Stops the next thread on which this fact happens.
    pub(crate) fn stop_at(&self, fact: &'static str) -> Stopped {
        let (there, is_there) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        *self.stops.0.lock().unwrap() = Some(Stop {
            at: fact,
            there,
            goes_on,
        });
        Stopped { is_there, go_on }
    }

    pub(crate) fn context(&self) -> ContextBuilder {
        builder()
            .observer(self.stops.clone())
            .observer(self.recorder.clone())
            .observer(self.invariants.clone())
    }

    /// The facts of these names, in order.
    pub(crate) fn facts(&self, names: &[&str]) -> Vec<&'static str> {
        let mut facts = self.recorder.names();
        facts.retain(|fact| names.contains(fact));
        facts
    }
}

/// A thread that is stopped. Dropped, it goes on.
pub(crate) struct Stopped {
    is_there: Receiver<()>,
    #[expect(dead_code, reason = "its drop is what is waited for")]
    go_on: Sender<()>,
}

impl Stopped {
    pub(crate) fn wait(&self) {
        self.is_there.recv_timeout(DEADLINE).unwrap();
    }
}

#[derive(Default)]
struct Stops(Mutex<Option<Stop>>);

struct Stop {
    at: &'static str,
    there: Sender<()>,
    goes_on: Receiver<()>,
}

impl Stops {
    fn note(&self, fact: &'static str) {
        let stop = self.0.lock().unwrap().take_if(|stop| stop.at == fact);
        if let Some(Stop { there, goes_on, .. }) = stop {
            there.send(()).unwrap();
            assert_eq!(
                goes_on.recv_timeout(DEADLINE),
                Err(RecvTimeoutError::Disconnected)
            );
        }
    }
}

impl Observer for Stops {
    fn nested_open(&self, _: &ContextInfo, _: &NestedOpen) {
        self.note("nested_open");
    }

    fn session_opened(&self, _: &ContextInfo, _: &SessionStarted) {
        self.note("session_opened");
    }

    fn session_closed(&self, _: &ContextInfo, _: &SessionEnded) {
        self.note("session_closed");
    }

    fn request_started(&self, _: &RequestInfo, _: &reqwest::Request, _: &http::Extensions) {
        self.note("request_started");
    }

    fn enter_request(&self, _: &RequestInfo) {
        self.note("enter_request");
    }

    fn request_answered(&self, _: &RequestInfo, _: &ResponseHead) {
        self.note("request_answered");
    }

    fn response_body_ended(&self, _: &RequestInfo, _: &BodyEnd) {
        self.note("response_body_ended");
    }
}
