//! The span of a context.

#[cfg(feature = "opentelemetry")]
use http_context::ContextInfo;
use http_context::Outcome;
#[cfg(feature = "opentelemetry")]
use opentelemetry::trace::SpanContext;

use super::delegate;
#[cfg(feature = "opentelemetry")]
use super::via_otel::OtelContextSpan;
use super::via_tracing::TracingContextSpan;
use crate::events::ContextEvent;

/// The span of a context, from its open to its exit.
#[derive(Debug)]
pub(crate) enum ContextSpan {
    Tracing(TracingContextSpan),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(OtelContextSpan),
}

impl ContextSpan {
    /// Its identity in OpenTelemetry.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn span_context(&self) -> Option<SpanContext> {
        match self {
            Self::Tracing(span) => span.span_context(),
            Self::OpenTelemetry(span) => Some(span.span_context()),
        }
    }

    /// Adds an event to the span and, if `logs`, a log line.
    pub(crate) fn event(&self, event: &ContextEvent<'_>, logs: bool) {
        delegate!(self, span => span.event(event, logs));
    }

    pub(crate) fn close(&self, outcome: Outcome) {
        delegate!(self, span => span.close(outcome));
    }
}

/// The identity of a context's span, to correlate log lines with its trace. `None` when its
/// observer makes no spans, or none for OpenTelemetry.
///
/// Inside a request the current OpenTelemetry context is more specific: it has the request's span.
#[cfg(feature = "opentelemetry")]
pub fn span_context_of(context: &ContextInfo) -> Option<SpanContext> {
    let span = context.attached::<ContextSpan>()?;
    span.span_context().filter(SpanContext::is_valid)
}
