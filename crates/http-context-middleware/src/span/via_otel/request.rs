//! The span of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, StringValue};
use tokio::time::Instant;

use super::{OtelTracer, head};
use crate::attribute;
use crate::propagation::{self, Propagation};
use crate::span::context::ContextSpan;
use crate::span::data::{Begin, Head, Link, NoHead, Waiting, to_i64};
use crate::span::entered::Entered;

/// So many attributes has the span of a request that is answered over a connection that was used
/// before.
const USUAL: usize = 12;

impl OtelTracer {
    pub(crate) fn begin(&self, begin: &Begin<'_>, started: Instant) -> OtelSpan {
        // With capacity for those of the response, so that the list never moves.
        let mut attributes = Vec::with_capacity(USUAL + begin.more.len() + begin.more_later);
        attributes.extend([
            KeyValue::new(attribute::HTTP_REQUEST_METHOD, begin.method.as_str()),
            KeyValue::new(
                attribute::SERVER_ADDRESS,
                StringValue::from(Arc::clone(begin.address)),
            ),
            KeyValue::new(attribute::SERVER_PORT, i64::from(begin.port)),
            KeyValue::new(attribute::URL_FULL, begin.url.as_str().to_owned()),
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
        if let Some(caller) = begin.caller {
            attributes.push(KeyValue::new(attribute::HTTP_CONTEXT_CALLER, caller.name()));
        }
        attributes.extend(begin.more.iter().map(KeyValue::from));
        let mut parent = propagation::current_context();
        if !parent.has_active_span()
            && let Some(ContextSpan::OpenTelemetry(span)) = begin.context_span
        {
            // Keeps the rest of the caller's context, such as baggage.
            parent = parent.with_remote_span_context(span.span_context());
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
            is_open: AtomicBool::new(true),
        }
    }
}

/// The span of one request.
#[derive(Debug)]
pub(crate) struct OtelSpan {
    /// Holds the span.
    context: Context,
    tracer: OtelTracer,
    begun: SystemTime,
    /// The span ends at its start plus the duration of the request, so that it equals the metric.
    started: Instant,
    /// The thread that clears it ends the span.
    is_open: AtomicBool,
}

impl OtelSpan {
    pub(crate) fn enter(&self) -> Entered {
        Entered::OpenTelemetry(self.context.clone().attach())
    }

    pub(crate) fn inject(&self, propagation: Propagation, headers: &mut HeaderMap) {
        propagation::inject(propagation, &self.context, headers);
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

    pub(crate) fn as_link(&self) -> Option<Link> {
        let link = self.context.span().span_context().clone();
        link.is_valid().then_some(link)
    }

    pub(crate) fn answered(&self, head: &Head) {
        self.end_once(head.took, |span| head::set(span, head));
    }

    pub(crate) fn ended(&self, end: &NoHead) {
        self.end_once(self.started.elapsed(), |span| {
            if let NoHead::Failed { kind, resends: n } = end {
                span.set_status(Status::error(""));
                span.set_attribute(KeyValue::new(attribute::ERROR_TYPE, kind.as_str()));
                span.set_attributes(head::resends(*n));
            }
        });
    }

    fn end_once(&self, took: Duration, finish: impl FnOnce(&opentelemetry::trace::SpanRef<'_>)) {
        if self.is_open.swap(false, Ordering::AcqRel) {
            let span = self.context.span();
            finish(&span);
            span.end_with_timestamp(self.begun + took);
        }
    }
}
