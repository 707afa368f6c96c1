//! Trace context in the headers of a request.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::Injector;
use opentelemetry::trace::TraceContextExt;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::Propagation;
use super::w3c::{self, TRACEPARENT, TRACESTATE};

/// The context that a new span is a child of: that of the current `tracing` span, or the current
/// OpenTelemetry context.
pub(crate) fn current_context() -> Context {
    // A layer that activates contexts, as it does by default, has made the span's current.
    let current = Context::current();
    if current.has_active_span() {
        return current;
    }
    let span = tracing::Span::current();
    if span.is_none() {
        return current;
    }
    let of_span = span.context();
    if of_span.has_active_span() {
        of_span
    } else {
        current
    }
}

/// The OpenTelemetry context of a `tracing` span; the current one where no layer has one.
pub(crate) fn context_of(span: &tracing::Span) -> Context {
    let context = span.context();
    if context.has_active_span() {
        context
    } else {
        Context::current()
    }
}

/// Sets the headers of trace context, and replaces those that are present.
pub(crate) fn inject(propagation: Propagation, context: &Context, headers: &mut HeaderMap) {
    if propagation == Propagation::TraceContext && context.baggage().is_empty() {
        return w3c::inject(context.span().span_context(), headers);
    }
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(context, &mut Headers(headers));
    });
}

struct Headers<'h>(&'h mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, name: &str, value: String) {
        let name = match name {
            // Saves parsing the usual names.
            "traceparent" => Ok(TRACEPARENT),
            "tracestate" => Ok(TRACESTATE),
            "baggage" => Ok(HeaderName::from_static("baggage")),
            name => HeaderName::try_from(name),
        };
        // An empty `tracestate` has no meaning. An invalid header is skipped.
        if !value.is_empty()
            && let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value))
        {
            self.0.insert(name, value);
        }
    }
}
