//! The span of a context, and its events.

use http_context::ContextInfo;

use super::Instrumentation;
use crate::events::ContextEvent;
use crate::span::{ContextSpan, Spans, TracingContextSpan};

impl Instrumentation {
    pub(super) fn begin_context_span(&self, context: &ContextInfo) -> Option<ContextSpan> {
        match self.options.spans {
            Spans::Off => None,
            Spans::Tracing => TracingContextSpan::begin(context).map(ContextSpan::Tracing),
            #[cfg(feature = "opentelemetry")]
            Spans::Hybrid => TracingContextSpan::begin(context).map(ContextSpan::Tracing),
            #[cfg(feature = "opentelemetry")]
            Spans::OpenTelemetry => self
                .tracer
                .as_ref()
                .map(|tracer| ContextSpan::OpenTelemetry(tracer.context_span(context))),
        }
    }

    /// Makes it an event of the context's span and, at a bounded rate, a log line.
    pub(super) fn note_event(&self, context: &ContextInfo, event: &ContextEvent<'_>) {
        let logs = event.has_line() && self.log_rate.lets_through(event.name(), event.places());
        match context.attached::<ContextSpan>() {
            Some(span) if event.is_on_span() => span.event(event, logs),
            _ if logs => event.log(None),
            _ => {}
        }
    }
}
