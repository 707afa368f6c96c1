//! The span of a context.

use std::sync::Arc;

use http_context::{ContextInfo, Outcome};
use parking_lot::Mutex;
use tracing::field::Empty;
use tracing::{Id, Span, info_span, record_all};

use crate::events::ContextEvent;
use crate::span::data::to_i64;

/// Closes with the context.
#[derive(Debug)]
pub(crate) struct TracingContextSpan {
    /// The lock protects the exchange; the subscriber is called after it. In an `Arc`, since a
    /// clone of a `tracing` span calls the subscriber too.
    span: Mutex<Option<Arc<Span>>>,
}

impl TracingContextSpan {
    pub(crate) fn begin(context: &ContextInfo) -> Option<Self> {
        if !tracing::span_enabled!(target: "http_context", tracing::Level::INFO) {
            return None;
        }
        let span = info_span!(
            target: "http_context",
            "http_context",
            outcome = Empty,
            otel.kind = "internal",
            http_context.id = to_i64(context.id().get()),
            http_context.name = context.name(),
            code.file.path = context.opened_at().file(),
            code.line.number = i64::from(context.opened_at().line()),
        );
        (!span.is_disabled()).then(|| Self {
            span: Mutex::new(Some(Arc::new(span))),
        })
    }

    pub(crate) fn id(&self) -> Option<Id> {
        self.get()?.id()
    }

    fn get(&self) -> Option<Arc<Span>> {
        self.span.lock().clone()
    }

    /// The one that a layer has assigned.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn span_context(&self) -> Option<opentelemetry::trace::SpanContext> {
        use opentelemetry::trace::TraceContextExt as _;
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;
        let context = self.get()?.context();
        Some(context.span().span_context().clone())
    }

    pub(crate) fn event(&self, event: &ContextEvent<'_>, logs: bool) {
        let span = self.get();
        #[cfg(feature = "opentelemetry")]
        {
            use tracing_opentelemetry::OpenTelemetrySpanExt as _;
            if let Some(span) = span {
                span.add_event(event.name(), event.otel_attributes());
            }
            if logs {
                event.log(None);
            }
        }
        // A log line inside a span is an event of it, too.
        #[cfg(not(feature = "opentelemetry"))]
        if logs {
            event.log(span.as_deref());
        }
    }

    pub(crate) fn close(&self, outcome: Outcome) {
        let span = self.span.lock().take();
        if let Some(span) = span {
            record_all!(span, outcome = outcome.as_str(),);
        }
    }
}
