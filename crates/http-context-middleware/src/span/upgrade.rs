//! The span of the life of an upgraded connection, in a trace of its own.

use std::sync::Arc;

use http_context::{
    ConnectionId, ContextId, Direction, ErrorKind, MessageType, Origin, UpgradeEnd,
    UpgradeEndReason, UpgradeProtocol,
};

use super::data::{Link, to_i64};
use super::delegate;
#[cfg(feature = "opentelemetry")]
use super::via_otel::OtelUpgrade;
use super::via_tracing::TracingUpgrade;

/// What such a span links to: the span of the request that upgraded the connection, if there is one
/// for OpenTelemetry. Attached to that request.
#[derive(Debug)]
pub(crate) struct Handshake(pub(crate) Option<Link>);

/// What is known of it at its start.
pub(crate) struct UpgradeBegin<'r> {
    pub(crate) server: Arc<Origin>,
    pub(crate) context: ContextId,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) protocol: UpgradeProtocol,
    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(dead_code, reason = "only OpenTelemetry has links")
    )]
    pub(crate) handshake: Option<&'r Link>,
}

impl UpgradeBegin<'_> {
    pub(super) fn name(&self) -> String {
        format!("HTTP upgraded_connection {}", self.server)
    }
}

/// The span of one upgraded connection. Ends once.
#[derive(Debug)]
pub(crate) enum UpgradeSpan {
    Tracing(TracingUpgrade),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(OtelUpgrade),
}

impl UpgradeSpan {
    pub(crate) fn end(&self, end: &UpgradeEnd) {
        let ended = Ended::of(end);
        delegate!(self, span => span.end(&ended));
    }
}

/// What its span says at its end.
pub(crate) struct Ended {
    pub(super) reason: UpgradeEndReason,
    pub(super) is_dropped: bool,
    pub(super) sent: i64,
    pub(super) received: i64,
    /// Sent and received, of a WebSocket.
    pub(super) messages: Option<(i64, i64)>,
    pub(super) close_code: Option<i64>,
    pub(super) error: Option<ErrorKind>,
}

impl Ended {
    fn of(end: &UpgradeEnd) -> Self {
        let bytes = |direction| to_i64(end.traffic.bytes(direction));
        let messages = |direction| {
            let of_type = |of: &MessageType| end.traffic.messages(direction, *of);
            to_i64(MessageType::ALL.iter().map(of_type).sum())
        };
        let is_websocket = end.protocol == UpgradeProtocol::WebSocket;
        Self {
            reason: end.reason,
            is_dropped: end.is_dropped,
            sent: bytes(Direction::Sent),
            received: bytes(Direction::Received),
            messages: is_websocket
                .then(|| (messages(Direction::Sent), messages(Direction::Received))),
            close_code: end.close_code.map(i64::from),
            error: match end.reason {
                UpgradeEndReason::Failed => Some(ErrorKind::Connection),
                UpgradeEndReason::HeartbeatTimeout => Some(ErrorKind::Timeout),
                _ => None,
            },
        }
    }
}
