//! What the instrumentation keeps with each request, from its start to the end of its body.

mod progress;

use std::sync::Arc;
use std::time::Duration;

use http_context::Origin;
use metrics::SharedString;
use parking_lot::Mutex;

use self::progress::Progress;
use crate::extensions::SpanAttribute;
use crate::ledger::{ConnectionGauge, OpenedFor};
use crate::method::KnownMethod;
use crate::metrics::{End, SeriesKey, Server};
use crate::span::{RequestSpan, Waiting};

#[derive(Debug)]
pub(crate) struct RequestState {
    pub(crate) server: Arc<Server>,
    pub(crate) method: KnownMethod,
    /// Bounded, for the label of metrics.
    pub(crate) template: Option<SharedString>,
    pub(crate) span: Option<RequestSpan>,
    /// Whether it carries trace context, except to excluded hosts.
    pub(crate) propagates: bool,
    progress: Progress,
    /// The span of its wait for a slot. The lock protects the exchange; the span closes after it. In a
    /// box, as the next one: few have any, and all are as large as this is.
    waiting: Mutex<Option<Box<Waiting>>>,
    /// The connect that it started. The lock protects the exchange; its span closes after it.
    connect: Mutex<Option<Box<Connect>>>,
    /// Attributes from the headers of the response. No code of others runs under the lock.
    response_attributes: Mutex<Vec<SpanAttribute>>,
}

/// A connect that a request started.
#[derive(Debug)]
struct Connect {
    host: Arc<Origin>,
    setup: Option<tracing::Span>,
    abandoned_after: Option<Duration>,
}

impl RequestState {
    pub(crate) fn new(
        server: Arc<Server>,
        method: KnownMethod,
        template: Option<SharedString>,
        span: Option<RequestSpan>,
        propagates: bool,
    ) -> Self {
        Self {
            progress: Progress::new(&server),
            server,
            method,
            template,
            span,
            propagates,
            waiting: Mutex::default(),
            connect: Mutex::default(),
            response_attributes: Mutex::default(),
        }
    }

    pub(crate) fn key(&self, end: End) -> SeriesKey {
        SeriesKey {
            method: self.method,
            end,
            template: self.template.clone(),
        }
    }

    pub(crate) fn set_response_attributes(&self, attributes: Vec<SpanAttribute>) {
        *self.response_attributes.lock() = attributes;
    }

    pub(crate) fn take_response_attributes(&self) -> Vec<SpanAttribute> {
        std::mem::take(&mut *self.response_attributes.lock())
    }

    pub(crate) fn queued(&self, waiting: Option<Waiting>) {
        self.progress.queued();
        self.replace_waiting(waiting.map(Box::new));
    }

    pub(crate) fn dequeued(&self) {
        self.replace_waiting(None);
    }

    /// Closes the previous span, which calls the subscriber, after the lock.
    fn replace_waiting(&self, waiting: Option<Box<Waiting>>) {
        let before = std::mem::replace(&mut *self.waiting.lock(), waiting);
        drop(before);
    }

    pub(crate) fn sending(&self, server: &Arc<Server>) {
        self.progress.sending(server);
    }

    pub(crate) fn connect_started(&self, host: &Arc<Origin>, setup: Option<tracing::Span>) {
        let connect = Box::new(Connect {
            host: Arc::clone(host),
            setup,
            abandoned_after: None,
        });
        let before = self.connect.lock().replace(connect);
        drop(before);
        self.progress.connecting();
    }

    /// A connection that it asked for was made: for this request, if it still waits for one.
    pub(crate) fn connected(
        &self,
        open: impl FnOnce(OpenedFor) -> Arc<ConnectionGauge>,
    ) -> Arc<ConnectionGauge> {
        self.progress.connected(open)
    }

    pub(crate) fn connect_abandoned(&self, after: Duration) {
        if let Some(connect) = &mut *self.connect.lock() {
            connect.abandoned_after = Some(after);
        }
    }

    /// The host that it had not been connected to when the connect was abandoned, and after how
    /// long that was.
    pub(crate) fn abandoned_connect(&self) -> Option<(Arc<Origin>, Duration)> {
        let connect = self.connect.lock();
        let connect = connect.as_ref()?;
        Some((Arc::clone(&connect.host), connect.abandoned_after?))
    }

    pub(crate) fn take_setup(&self) -> Option<tracing::Span> {
        let connect = self.connect.lock().take();
        connect?.setup
    }

    /// A head has come that a middleware may keep from the caller.
    pub(crate) fn attempt_answered(&self, connection: &Arc<ConnectionGauge>) {
        self.progress.attempt_answered(connection);
    }

    /// Returns whether the connections of its attempts were told already.
    pub(crate) fn answered(&self, end: End, connection: Option<Arc<ConnectionGauge>>) -> bool {
        self.progress.answered(end, connection)
    }

    /// It ended without a response.
    pub(crate) fn ended(&self) {
        self.replace_waiting(None);
        self.progress.ended();
    }

    /// Its body ended; returns how the request had ended before.
    pub(crate) fn body_ended(&self) -> Option<End> {
        self.progress.body_ended()
    }
}
