//! The span of an upgraded connection.

use parking_lot::Mutex;
use tracing::field::Empty;
use tracing::{Span, info_span, record_all};

use crate::span::data::to_i64;
use crate::span::upgrade::{Ended, UpgradeBegin};

/// Closes when the connection has ended.
#[derive(Debug)]
pub(crate) struct TracingUpgrade {
    /// The lock protects the exchange; the subscriber is called after it.
    span: Mutex<Option<Span>>,
}

impl TracingUpgrade {
    /// `None` when no subscriber is interested.
    pub(crate) fn begin(begin: &UpgradeBegin<'_>) -> Option<Self> {
        let span = info_span!(
            target: "http_context",
            parent: None,
            "HTTP upgraded_connection",
            reason = Empty,
            http_context.upgraded.dropped = Empty,
            http_context.upgraded.bytes_sent = Empty,
            http_context.upgraded.bytes_received = Empty,
            http_context.websocket.messages_sent = Empty,
            http_context.websocket.messages_received = Empty,
            http_context.websocket.close_code = Empty,
            error.r#type = Empty,
            otel.status_code = Empty,
            otel.name = begin.name(),
            otel.kind = "internal",
            server.address = begin.server.host(),
            server.port = i64::from(begin.server.port()),
            http_context.id = to_i64(begin.context.get()),
            http_context.connection.id = begin.connection.map(|id| to_i64(id.get())),
            protocol = begin.protocol.as_str(),
        );
        if span.is_disabled() {
            return None;
        }
        #[cfg(feature = "opentelemetry")]
        if let Some(handshake) = begin.handshake {
            tracing_opentelemetry::OpenTelemetrySpanExt::add_link(&span, handshake.clone());
        }
        Some(Self {
            span: Mutex::new(Some(span)),
        })
    }

    pub(crate) fn end(&self, ended: &Ended) {
        let span = self.span.lock().take();
        let Some(span) = span else { return };
        record_all!(
            span,
            reason = ended.reason.as_str(),
            http_context.upgraded.dropped = ended.is_dropped,
            http_context.upgraded.bytes_sent = ended.sent,
            http_context.upgraded.bytes_received = ended.received,
            http_context.websocket.messages_sent = ended.messages.map(|(sent, _)| sent),
            http_context.websocket.messages_received = ended.messages.map(|(_, received)| received),
            http_context.websocket.close_code = ended.close_code,
        );
        if let Some(kind) = ended.error {
            record_all!(
                span,
                error.r#type = kind.as_str(),
                otel.status_code = "error",
            );
        }
    }
}
