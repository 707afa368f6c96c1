//! The span of a context.

use http_context::{ContextInfo, Outcome};
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};

use super::OtelTracer;
use crate::attribute;
use crate::events::ContextEvent;
use crate::propagation;
use crate::span::data::to_i64;

impl OtelTracer {
    pub(crate) fn context_span(&self, context: &ContextInfo) -> OtelContextSpan {
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
            // So that the line has the trace id.
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
