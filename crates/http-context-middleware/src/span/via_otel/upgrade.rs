//! The span of an upgraded connection.

use opentelemetry::trace::{Link, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};

use super::OtelTracer;
use crate::attribute;
use crate::span::data::to_i64;
use crate::span::upgrade::{Ended, UpgradeBegin};

impl OtelTracer {
    pub(crate) fn upgrade(&self, begin: &UpgradeBegin<'_>) -> OtelUpgrade {
        let mut attributes = vec![
            KeyValue::new(attribute::SERVER_ADDRESS, begin.server.host().to_owned()),
            KeyValue::new(attribute::SERVER_PORT, i64::from(begin.server.port())),
            KeyValue::new(attribute::HTTP_CONTEXT_ID, to_i64(begin.context.get())),
            KeyValue::new(attribute::PROTOCOL, begin.protocol.as_str()),
        ];
        attributes.extend(
            begin
                .connection
                .map(|id| KeyValue::new(attribute::HTTP_CONTEXT_CONNECTION_ID, to_i64(id.get()))),
        );
        let mut builder = self
            .0
            .span_builder(begin.name())
            .with_kind(SpanKind::Internal)
            .with_attributes(attributes);
        if let Some(handshake) = begin.handshake {
            builder = builder.with_links(vec![Link::with_context(handshake.clone())]);
        }
        let span = builder.start_with_context(&*self.0, &Context::new());
        OtelUpgrade(Context::new().with_span(span))
    }
}

/// The span of one upgraded connection.
#[derive(Debug)]
pub(crate) struct OtelUpgrade(Context);

impl OtelUpgrade {
    pub(crate) fn end(&self, ended: &Ended) {
        let span = self.0.span();
        let mut attributes = vec![
            KeyValue::new(attribute::REASON, ended.reason.as_str()),
            KeyValue::new(attribute::HTTP_CONTEXT_UPGRADED_DROPPED, ended.is_dropped),
            KeyValue::new(attribute::HTTP_CONTEXT_UPGRADED_BYTES_SENT, ended.sent),
            KeyValue::new(
                attribute::HTTP_CONTEXT_UPGRADED_BYTES_RECEIVED,
                ended.received,
            ),
        ];
        if let Some((sent, received)) = ended.messages {
            attributes.extend([
                KeyValue::new(attribute::HTTP_CONTEXT_WEBSOCKET_MESSAGES_SENT, sent),
                KeyValue::new(
                    attribute::HTTP_CONTEXT_WEBSOCKET_MESSAGES_RECEIVED,
                    received,
                ),
            ]);
        }
        attributes.extend(
            ended
                .close_code
                .map(|code| KeyValue::new(attribute::HTTP_CONTEXT_WEBSOCKET_CLOSE_CODE, code)),
        );
        if let Some(kind) = ended.error {
            attributes.push(KeyValue::new(attribute::ERROR_TYPE, kind.as_str()));
            span.set_status(Status::error(""));
        }
        span.set_attributes(attributes);
        span.end();
    }
}
