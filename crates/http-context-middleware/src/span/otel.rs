//! Spans straight through the OpenTelemetry API.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http_context::{ErrorKind, Host, HttpContext, Outcome};
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, StringValue};
use tokio::time::Instant;

use super::{Begin, ContextSpan, Head, Link, NoHead, Waiting, to_i64};
use crate::attribute;
use crate::events::ContextEvent;
use crate::propagation;

/// Makes the spans, by the tracer provider that was global at its first use.
#[derive(Clone, Debug)]
pub(crate) struct OtelTracer(Arc<BoxedTracer>);

impl OtelTracer {
    pub(crate) fn global() -> Self {
        let scope = opentelemetry::InstrumentationScope::builder("http_context")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Self(Arc::new(global::tracer_with_scope(scope)))
    }

    pub(crate) fn begin(&self, begin: &Begin<'_>, started: Instant) -> OtelSpan {
        // With room for those of the response, so that the list never moves.
        let mut attributes = Vec::with_capacity(16 + begin.more.len());
        attributes.extend([
            KeyValue::new(attribute::HTTP_REQUEST_METHOD, begin.method.as_str()),
            KeyValue::new(
                attribute::SERVER_ADDRESS,
                StringValue::from(Arc::clone(begin.address)),
            ),
            KeyValue::new(attribute::SERVER_PORT, i64::from(begin.port)),
            KeyValue::new(attribute::URL_FULL, (begin.url)()),
            KeyValue::new(attribute::HTTP_CONTEXT_ID, to_i64(begin.context.get())),
        ]);
        if begin.method.is_other() {
            attributes.push(KeyValue::new(
                attribute::HTTP_REQUEST_METHOD_ORIGINAL,
                begin.method_text.to_owned(),
            ));
        }
        if let Some(template) = begin.template {
            attributes.push(KeyValue::new(attribute::URL_TEMPLATE, template.to_owned()));
        }
        attributes.extend(begin.more.iter().map(KeyValue::from));
        let mut parent = propagation::current_context();
        if !parent.has_active_span()
            && let Some(ContextSpan::OpenTelemetry(OtelContextSpan(context))) = begin.context_span
        {
            // What else is in the caller's context, such as baggage, is kept.
            parent = parent.with_remote_span_context(context.span().span_context().clone());
        }
        let wall = SystemTime::now();
        let span = self
            .0
            .span_builder(begin.name())
            .with_kind(SpanKind::Client)
            .with_attributes(attributes)
            .with_start_time(wall)
            .start_with_context(&*self.0, &parent);
        OtelSpan {
            context: parent.with_span(span),
            tracer: self.clone(),
            begun: wall,
            started,
            is_open: Mutex::new(true),
        }
    }

    /// A span of the making of a connection, which has just ended: a trace of its own.
    pub(crate) fn connection_setup(
        &self,
        server: &Host,
        took: Duration,
        error: Option<ErrorKind>,
    ) -> Link {
        let now = SystemTime::now();
        let mut attributes = vec![
            KeyValue::new(attribute::SERVER_ADDRESS, server.name().to_owned()),
            KeyValue::new(attribute::SERVER_PORT, i64::from(server.port())),
        ];
        attributes.extend(error.map(|kind| KeyValue::new(attribute::ERROR_TYPE, kind.as_str())));
        let span = self
            .0
            .span_builder(format!("HTTP connection_setup {server}"))
            .with_kind(SpanKind::Internal)
            .with_attributes(attributes)
            .with_start_time(now.checked_sub(took).unwrap_or(now))
            .start_with_context(&*self.0, &Context::new());
        let context = Context::new().with_span(span);
        if error.is_some() {
            context.span().set_status(Status::error(""));
        }
        context.span().end_with_timestamp(now);
        context.span().span_context().clone()
    }

    pub(crate) fn context_span(&self, context: &HttpContext) -> OtelContextSpan {
        let place = context.opened_at();
        let mut attributes = vec![
            KeyValue::new(attribute::HTTP_CONTEXT_ID, to_i64(context.id().get())),
            KeyValue::new("code.file.path", place.file()),
            KeyValue::new("code.line.number", i64::from(place.line())),
        ];
        if let Some(name) = context.name() {
            attributes.push(KeyValue::new(attribute::HTTP_CONTEXT_NAME, name.to_owned()));
        }
        let parent = propagation::current_context();
        let span = self
            .0
            .span_builder("http_context")
            .with_kind(SpanKind::Internal)
            .with_attributes(attributes)
            .start_with_context(&*self.0, &parent);
        OtelContextSpan(parent.with_span(span))
    }
}

/// The span of one request.
#[derive(Debug)]
pub(crate) struct OtelSpan {
    /// Holds the span.
    context: Context,
    tracer: OtelTracer,
    begun: SystemTime,
    /// The span ends as long after its begin as the request took, so that it equals the metric.
    started: Instant,
    is_open: Mutex<bool>,
}

impl OtelSpan {
    pub(crate) fn enter(&self, poll: &mut dyn FnMut()) {
        let _entered = self.context.clone().attach();
        poll();
    }

    pub(crate) fn inject(&self, headers: &mut HeaderMap) {
        propagation::inject(&self.context, headers);
    }

    pub(crate) fn waits(&self, host: &dyn std::fmt::Display) -> Waiting {
        let tracer = &self.tracer.0;
        let span = tracer
            .span_builder(format!("HTTP wait_for_connection {host}"))
            .with_kind(SpanKind::Internal)
            .start_with_context(&**tracer, &self.context);
        Waiting::OpenTelemetry(span)
    }

    pub(crate) fn link(&self, link: &Link) {
        self.context.span().add_link(link.clone(), Vec::new());
    }

    pub(crate) fn answered(&self, head: &Head) {
        self.end_once(|span| {
            if !span.is_recording() {
                return;
            }
            let mut attributes = Vec::with_capacity(8 + head.more.len());
            attributes.push(KeyValue::new(
                attribute::HTTP_RESPONSE_STATUS_CODE,
                i64::from(head.status.as_u16()),
            ));
            attributes.push(KeyValue::new(
                attribute::NETWORK_PROTOCOL_VERSION,
                head.version.as_str(),
            ));
            if let Some(peer) = &head.peer {
                let address = StringValue::from(Arc::clone(&peer.address));
                attributes.push(KeyValue::new(attribute::NETWORK_PEER_ADDRESS, address));
                let port = i64::from(peer.port);
                attributes.push(KeyValue::new(attribute::NETWORK_PEER_PORT, port));
            }
            if let Some((id, is_reused)) = head.connection {
                let id = to_i64(id.get());
                attributes.push(KeyValue::new(attribute::HTTP_CONTEXT_CONNECTION_ID, id));
                attributes.push(KeyValue::new(
                    attribute::HTTP_CONTEXT_CONNECTION_REUSED,
                    is_reused,
                ));
            }
            if let Some(idle) = head.idle_ms() {
                attributes.push(KeyValue::new(
                    attribute::HTTP_CONTEXT_CONNECTION_IDLE_MS,
                    idle,
                ));
            }
            attributes.extend(resends(head.resends));
            attributes.extend(head.more.iter().map(KeyValue::from));
            if head.is_error() {
                let status = head.status.as_str().to_owned();
                attributes.push(KeyValue::new(attribute::ERROR_TYPE, status));
                span.set_status(Status::error(""));
            }
            span.set_attributes(attributes);
        });
    }

    pub(crate) fn ended(&self, end: &NoHead) {
        self.end_once(|span| {
            if let NoHead::Failed { kind, resends: n } = end {
                span.set_status(Status::error(""));
                span.set_attribute(KeyValue::new(attribute::ERROR_TYPE, kind.as_str()));
                span.set_attributes(resends(*n));
            }
        });
    }

    fn end_once(&self, finish: impl FnOnce(&opentelemetry::trace::SpanRef<'_>)) {
        let mut is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *is_open) {
            let span = self.context.span();
            finish(&span);
            span.end_with_timestamp(self.begun + self.started.elapsed());
        }
    }
}

fn resends(count: u32) -> Option<KeyValue> {
    (count > 0).then(|| KeyValue::new(attribute::HTTP_REQUEST_RESEND_COUNT, i64::from(count)))
}

/// The span of a context.
#[derive(Debug)]
pub(crate) struct OtelContextSpan(Context);

impl OtelContextSpan {
    pub(crate) fn span_context(&self) -> SpanContext {
        self.0.span().span_context().clone()
    }

    pub(crate) fn event(&self, event: &ContextEvent<'_>, logs: bool) {
        self.0
            .span()
            .add_event(event.name(), event.otel_attributes());
        if logs {
            // So that the line tells the trace.
            let _entered = self.0.clone().attach();
            event.log(None);
        }
    }

    pub(crate) fn close(&self, outcome: Outcome) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new(attribute::OUTCOME, outcome.as_str()));
        span.end();
    }
}
