//! What the span of a request has of its response.

use std::sync::Arc;

use opentelemetry::trace::{SpanRef, Status};
use opentelemetry::{KeyValue, StringValue};

use crate::attribute;
use crate::span::data::{Head, to_i64};

/// Sets it, where anybody is to see it.
pub(crate) fn set(span: &SpanRef<'_>, head: &Head) {
    if !span.is_recording() {
        return;
    }
    let (peer, connection) = (head.peer.as_ref(), head.connection);
    let usual = [
        Some(KeyValue::new(
            attribute::HTTP_RESPONSE_STATUS_CODE,
            i64::from(head.status.as_u16()),
        )),
        Some(KeyValue::new(
            attribute::NETWORK_PROTOCOL_VERSION,
            head.version.as_str(),
        )),
        peer.map(|peer| {
            let address = StringValue::from(Arc::clone(&peer.address));
            KeyValue::new(attribute::NETWORK_PEER_ADDRESS, address)
        }),
        peer.map(|peer| KeyValue::new(attribute::NETWORK_PEER_PORT, i64::from(peer.port))),
        connection
            .map(|(id, _)| KeyValue::new(attribute::HTTP_CONTEXT_CONNECTION_ID, to_i64(id.get()))),
        connection.map(|(_, is_reused)| {
            KeyValue::new(attribute::HTTP_CONTEXT_CONNECTION_REUSED, is_reused)
        }),
        head.idle_ms()
            .map(|idle| KeyValue::new(attribute::HTTP_CONTEXT_CONNECTION_IDLE_MS, idle)),
        resends(head.resends),
    ];
    span.set_attributes(usual.into_iter().flatten());
    if !head.more.is_empty() {
        span.set_attributes(head.more.iter().map(KeyValue::from));
    }
    if head.is_error() {
        let status = head.status.as_str().to_owned();
        span.set_attribute(KeyValue::new(attribute::ERROR_TYPE, status));
        span.set_status(Status::error(""));
    }
}

pub(super) fn resends(count: u32) -> Option<KeyValue> {
    (count > 0).then(|| KeyValue::new(attribute::HTTP_REQUEST_RESEND_COUNT, i64::from(count)))
}
