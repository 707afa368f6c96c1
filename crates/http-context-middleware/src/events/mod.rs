//! Events of a context, nested opens, leaks and ends of upgraded connections, as span events and log lines.

mod log;
mod rate_limit;
mod upgrade_log;

use std::time::Duration;

use http_context::{
    CallSite, Leak, LeakPolicy, NestedOpen, RequestInfo, UpgradeEnd, UpgradeEndReason,
};

pub(crate) use self::log::log_slow_queue;
pub(crate) use self::rate_limit::RateLimit;

/// An event of a context.
pub(crate) enum ContextEvent<'e> {
    NestedOpen(&'e NestedOpen),
    Leak(&'e Leak, LeakPolicy),
    UpgradeEnd(&'e RequestInfo, &'e UpgradeEnd),
}

impl ContextEvent<'_> {
    /// Its name, which is that of its log line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NestedOpen(_) => "http_context.nested_open",
            Self::Leak(..) => "http_context.leak",
            Self::UpgradeEnd(_, end) if has_failed(end) => "http_context.upgrade_failed",
            Self::UpgradeEnd(..) => "http_context.upgrade_ended",
        }
    }

    /// The two call sites that identify it.
    pub(crate) fn places(&self) -> (CallSite, Option<CallSite>) {
        match self {
            Self::NestedOpen(nested) => (nested.outer_opened_at, Some(nested.called_at)),
            Self::Leak(leak, _) => (leak.opened_at, leak.acquired_at),
            Self::UpgradeEnd(request, _) => {
                (request.context().opened_at(), Some(request.call_site()))
            }
        }
    }

    /// Whether it is logged.
    pub(crate) fn has_line(&self) -> bool {
        !matches!(self, Self::Leak(_, LeakPolicy::Off | LeakPolicy::Count))
    }

    /// Whether it is an event of the context's span as well. The good end of one connection of many is
    /// not.
    pub(crate) fn is_on_span(&self) -> bool {
        !matches!(self, Self::UpgradeEnd(_, end) if !has_failed(end))
    }

    #[cfg(feature = "opentelemetry")]
    pub(crate) fn otel_attributes(&self) -> Vec<opentelemetry::KeyValue> {
        use opentelemetry::KeyValue;
        match self {
            Self::NestedOpen(nested) => vec![
                KeyValue::new(crate::attribute::POLICY, nested.policy.as_str()),
                KeyValue::new("outer_opened_at", nested.outer_opened_at.to_string()),
                KeyValue::new("called_at", nested.called_at.to_string()),
            ],
            Self::Leak(leak, _) => {
                let mut attributes = vec![
                    KeyValue::new(crate::attribute::KIND, leak.kind.as_str()),
                    KeyValue::new("count", i64::try_from(leak.count).unwrap_or(i64::MAX)),
                    KeyValue::new("opened_at", leak.opened_at.to_string()),
                    KeyValue::new("acquired_at", place(leak.acquired_at)),
                    KeyValue::new("age_ms", millis(leak.age)),
                ];
                let progress = leak.progress.iter().flat_map(|progress| {
                    let bytes = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
                    [
                        ("sent_bytes", Some(bytes(progress.sent))),
                        ("received_bytes", progress.received.map(bytes)),
                        ("quiet_ms", progress.quiet_for.map(millis)),
                    ]
                });
                let caller = leak
                    .caller
                    .map(|caller| KeyValue::new("caller", caller.name()));
                attributes.extend(caller);
                attributes
                    .extend(progress.filter_map(|(name, value)| Some(KeyValue::new(name, value?))));
                attributes
            }
            Self::UpgradeEnd(request, end) => vec![
                KeyValue::new(crate::attribute::REASON, end.reason.as_str()),
                KeyValue::new(crate::attribute::PROTOCOL, end.protocol.as_str()),
                KeyValue::new("server", request.destination().to_string()),
                KeyValue::new("requested_at", request.call_site().to_string()),
                KeyValue::new("age_ms", millis(end.duration)),
            ],
        }
    }
}

fn has_failed(end: &UpgradeEnd) -> bool {
    matches!(
        end.reason,
        UpgradeEndReason::Failed | UpgradeEndReason::HeartbeatTimeout
    )
}

fn place(place: Option<CallSite>) -> String {
    place.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
