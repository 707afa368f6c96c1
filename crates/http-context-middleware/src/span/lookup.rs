//! Which trace a context is in, for log lines.

use http_context::HttpContext;
use opentelemetry::trace::SpanContext;

use super::ContextSpan;

/// The span of a context, by which a log line about it finds its trace. `None` where it has none:
/// its observer makes no spans, or none for OpenTelemetry.
///
/// Inside of a request the current OpenTelemetry context knows more: the request's own span.
pub fn span_context_of(context: &HttpContext) -> Option<SpanContext> {
    let span = context.attached::<ContextSpan>()?;
    span.span_context().filter(SpanContext::is_valid)
}
