//! The log lines.

use std::time::Duration;

use http_context::{Caller, NestedPolicy, RequestInfo};
use tracing::Span;

use super::upgrade_log::log_upgrade_end;
use super::{ContextEvent, millis, place};

impl ContextEvent<'_> {
    /// Logs it inside this span, or the current one.
    pub(crate) fn log(&self, span: Option<&Span>) {
        match span {
            Some(span) => span.in_scope(|| self.log_here()),
            None => self.log_here(),
        }
    }

    fn log_here(&self) {
        match self {
            Self::NestedOpen(nested) => {
                let (outer, inner) = (nested.outer_opened_at, nested.called_at);
                let policy = nested.policy.as_str();
                if matches!(nested.policy, NestedPolicy::Warn | NestedPolicy::Deny) {
                    tracing::warn!(
                        name: "http_context.nested_open",
                        target: "http_context",
                        policy,
                        outer_opened_at = %outer,
                        called_at = %inner,
                        "an HTTP context was opened inside another one"
                    );
                } else {
                    tracing::debug!(
                        name: "http_context.nested_open",
                        target: "http_context",
                        policy,
                        outer_opened_at = %outer,
                        called_at = %inner,
                        "an HTTP context was opened inside another one"
                    );
                }
            }
            Self::Leak(leak, _) => tracing::warn!(
                name: "http_context.leak",
                target: "http_context",
                kind = leak.kind.as_str(),
                count = leak.count,
                opened_at = %leak.opened_at,
                acquired_at = %place(leak.acquired_at),
                caller = leak.caller.map(Caller::name),
                age_ms = millis(leak.age),
                sent_bytes = leak.progress.map(|progress| progress.sent),
                received_bytes = leak.progress.and_then(|progress| progress.received),
                quiet_ms = leak.progress.and_then(|progress| progress.quiet_for).map(millis),
                "an HTTP context left something behind\n{leak}"
            ),
            Self::UpgradeEnd(request, end) => log_upgrade_end(request, end),
        }
    }
}

/// Logs that a request waited long for a slot at its host.
pub(crate) fn log_slow_queue(request: &RequestInfo, waited: Duration) {
    tracing::warn!(
        name: "http_context.slow_queue",
        target: "http_context",
        server = %request.destination(),
        waited_ms = millis(waited),
        requested_at = %request.call_site(),
        opened_at = %request.context().opened_at(),
        "a request waited long for a slot at its host: read responses to their end, or raise \
         `max_connections_per_host`"
    );
}
