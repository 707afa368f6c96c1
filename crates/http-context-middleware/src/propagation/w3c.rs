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

/// The two digits of each byte.
const HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut all = [[0; 2]; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    all
};

fn hex(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = HEX[usize::from(*byte)];
    }
}
