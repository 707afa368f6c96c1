//! W3C Trace Context, written without the texts in between that a propagator makes.

use http::{HeaderMap, HeaderName, HeaderValue};
use http_context::bytes::Bytes;
use opentelemetry::trace::{SpanContext, TraceFlags};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Sets the headers of a span, and replaces those that are present. Those of none are left as they
/// are.
pub(super) fn inject(span: &SpanContext, headers: &mut HeaderMap) {
    if !span.is_valid() {
        return;
    }
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex(&mut text[3..35], &span.trace_id().to_bytes());
    hex(&mut text[36..52], &span.span_id().to_bytes());
    // Other flags are not passed on.
    hex(
        &mut text[53..],
        &[(span.trace_flags() & TraceFlags::SAMPLED).to_u8()],
    );
    // In an allocation that the clones which the client makes of it share.
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from_owner(text)) {
        headers.insert(TRACEPARENT, value);
    }
    // An empty one has no meaning.
    let state = span.trace_state().header();
    if !state.is_empty()
        && let Ok(value) = HeaderValue::try_from(state)
    {
        headers.insert(TRACESTATE, value);
    }
}

fn hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}
