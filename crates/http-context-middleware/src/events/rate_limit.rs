//! A bounded rate of log lines for each call site.

use std::time::Duration;

use hashbrown::HashMap;
use http_context::CallSite;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How many keys are tracked. Beyond that nothing is logged until the interval is over.
const PLACES: usize = 1024;

/// Lets the same event through once in an interval.
#[derive(Debug)]
pub(crate) struct RateLimit {
    interval: Duration,
    /// When each was last let through. No code of others runs under the lock.
    last: Mutex<HashMap<Key, Instant>>,
}

type Key = (&'static str, CallSite, Option<CallSite>);

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
        (first, second): (CallSite, Option<CallSite>),
    ) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock();
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
    fn here() -> CallSite {
        std::panic::Location::caller()
    }

    #[tokio::test(start_paused = true)]
    async fn each_place_is_let_through_once_in_an_interval() {
        let limit = RateLimit::new(Duration::from_secs(60));
        let (one, other) = (here(), here());
        assert!(limit.lets_through("leak", (one, None)));
        assert!(!limit.lets_through("leak", (one, None)));
        assert!(limit.lets_through("leak", (one, Some(other))));
        assert!(limit.lets_through("nested", (one, None)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(limit.lets_through("leak", (one, None)));
    }
    #[tokio::test(start_paused = true)]
    async fn beyond_the_cap_nothing_is_let_through_until_the_interval_is_over() {
        let limit = RateLimit::new(Duration::from_secs(60));
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
