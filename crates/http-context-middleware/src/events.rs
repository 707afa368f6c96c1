//! Log lines where people look: nested opens, leaks, slow queues. At a bounded rate for each place.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use http_context::{Leak, LeakPolicy, NestedOpen, NestedPolicy, Place, RequestInfo};
use tokio::time::Instant;
use tracing::{Level, Span};

/// Something that happened to a context.
pub(crate) enum ContextEvent<'e> {
    NestedOpen(&'e NestedOpen),
    Leak(&'e Leak, LeakPolicy),
}

impl ContextEvent<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NestedOpen(_) => "http_context.nested_open",
            Self::Leak(..) => "http_context.leak",
        }
    }

    /// The two places that tell it from others of its sort.
    pub(crate) fn places(&self) -> (Place, Option<Place>) {
        match self {
            Self::NestedOpen(nested) => (nested.outer_place, Some(nested.inner_place)),
            Self::Leak(leak, _) => (leak.opened_at, leak.acquired_at),
        }
    }

    /// How loud it is; `None` when it is not to be logged.
    pub(crate) fn level(&self) -> Option<Level> {
        match self {
            Self::NestedOpen(nested) => match nested.policy {
                NestedPolicy::Warn | NestedPolicy::Deny => Some(Level::WARN),
                _ => Some(Level::DEBUG),
            },
            Self::Leak(_, LeakPolicy::Off | LeakPolicy::Count) => None,
            Self::Leak(..) => Some(Level::WARN),
        }
    }

    #[cfg(feature = "opentelemetry")]
    pub(crate) fn otel_attributes(&self) -> Vec<opentelemetry::KeyValue> {
        use opentelemetry::KeyValue;
        match self {
            Self::NestedOpen(nested) => vec![
                KeyValue::new(crate::attribute::POLICY, nested.policy.as_str()),
                KeyValue::new("outer_place", nested.outer_place.to_string()),
                KeyValue::new("inner_place", nested.inner_place.to_string()),
            ],
            Self::Leak(leak, _) => vec![
                KeyValue::new(crate::attribute::KIND, leak.kind.as_str()),
                KeyValue::new("count", i64::try_from(leak.count).unwrap_or(i64::MAX)),
                KeyValue::new("opened_at", leak.opened_at.to_string()),
                KeyValue::new("acquired_at", place(leak.acquired_at)),
                KeyValue::new("age_ms", millis(leak.age)),
            ],
        }
    }

    /// Logs it: inside of this span, or of the current one.
    pub(crate) fn log(&self, span: Option<&Span>) {
        match span {
            Some(span) => span.in_scope(|| self.log_here()),
            None => self.log_here(),
        }
    }

    fn log_here(&self) {
        match self {
            Self::NestedOpen(nested) => {
                let (outer, inner) = (nested.outer_place, nested.inner_place);
                let policy = nested.policy.as_str();
                if self.level() == Some(Level::WARN) {
                    tracing::warn!(
                        name: "http_context.nested_open",
                        target: "http_context",
                        policy,
                        outer_place = %outer,
                        inner_place = %inner,
                        "an HTTP context was opened inside another one"
                    );
                } else {
                    tracing::debug!(
                        name: "http_context.nested_open",
                        target: "http_context",
                        policy,
                        outer_place = %outer,
                        inner_place = %inner,
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
                age_ms = millis(leak.age),
                "an HTTP context left something behind\n{leak}"
            ),
        }
    }
}

/// Logs that a request waited long for a slot at its host.
pub(crate) fn log_slow_queue(request: &RequestInfo, waited: Duration) {
    tracing::warn!(
        name: "http_context.slow_queue",
        target: "http_context",
        server = %request.server(),
        waited_ms = millis(waited),
        requested_at = %request.place(),
        opened_at = %request.context().opened_at(),
        "a request waited long for a slot at its host: read responses to their end, or raise \
         `max_connections_per_host`"
    );
}

fn place(place: Option<Place>) -> String {
    place.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// How many places are told apart. Beyond it nothing is logged until the interval is over.
const PLACES: usize = 1024;

/// Lets the same thing through once in an interval.
#[derive(Debug)]
pub(crate) struct RateLimit {
    interval: Duration,
    last: Mutex<HashMap<Key, Instant>>,
}

type Key = (&'static str, Place, Option<Place>);

impl RateLimit {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            last: Mutex::default(),
        }
    }

    pub(crate) fn lets_through(
        &self,
        what: &'static str,
        (first, second): (Place, Option<Place>),
    ) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (what, first, second);
        if let Some(then) = last.get_mut(&key) {
            let is_over = now.duration_since(*then) >= self.interval;
            if is_over {
                *then = now;
            }
            return is_over;
        }
        if last.len() >= PLACES {
            last.retain(|_, then| now.duration_since(*then) < self.interval);
            if last.len() >= PLACES {
                return false;
            }
        }
        last.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here() -> Place {
        std::panic::Location::caller()
    }

    #[tokio::test(start_paused = true)]
    async fn each_place_is_let_through_once_in_an_interval() {
        let limit = RateLimit::new(Duration::from_mins(1));
        let (one, other) = (here(), here());
        assert!(limit.lets_through("leak", (one, None)));
        assert!(!limit.lets_through("leak", (one, None)));
        assert!(limit.lets_through("leak", (one, Some(other))));
        assert!(limit.lets_through("nested", (one, None)));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(limit.lets_through("leak", (one, None)));
    }
    #[tokio::test(start_paused = true)]
    async fn beyond_the_cap_nothing_is_let_through_until_the_interval_is_over() {
        let limit = RateLimit::new(Duration::from_mins(1));
        let place = here();
        let another = |n: usize| limit.lets_through(n.to_string().leak(), (place, None));
        assert!((0..PLACES).all(another));
        assert!(!another(PLACES));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!another(PLACES));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(another(PLACES));
    }
}
