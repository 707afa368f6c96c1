//! The log line of the end of an upgraded connection.

use http_context::{Direction, RequestInfo, UpgradeEnd};

use super::{has_failed, millis};

pub(super) fn log_upgrade_end(request: &RequestInfo, end: &UpgradeEnd) {
    let (sent_bytes, received_bytes) = (
        end.traffic.bytes(Direction::Sent),
        end.traffic.bytes(Direction::Received),
    );
    if has_failed(end) {
        tracing::warn!(
            name: "http_context.upgrade_failed",
            target: "http_context",
            server = %request.destination(),
            protocol = end.protocol.as_str(),
            reason = end.reason.as_str(),
            age_ms = millis(end.duration),
            quiet_ms = millis(end.traffic.quiet_for()),
            sent_bytes,
            received_bytes,
            requested_at = %request.call_site(),
            opened_at = %request.context().opened_at(),
            "an upgraded connection broke"
        );
    } else {
        tracing::debug!(
            name: "http_context.upgrade_ended",
            target: "http_context",
            server = %request.destination(),
            protocol = end.protocol.as_str(),
            reason = end.reason.as_str(),
            is_dropped = end.is_dropped,
            close_code = end.close_code,
            age_ms = millis(end.duration),
            sent_bytes,
            received_bytes,
            requested_at = %request.call_site(),
            opened_at = %request.context().opened_at(),
            "an upgraded connection has ended"
        );
    }
}
