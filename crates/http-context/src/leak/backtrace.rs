//! Backtraces of where things were acquired, for one in so many.

use std::backtrace::Backtrace;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// 0 is off.
static ONE_IN: AtomicU32 = AtomicU32::new(0);

/// Captures a backtrace for one in `n` of the things that may leak (contexts, handles, requests,
/// child tasks), to be shown when one of them does. 0, the default, captures none.
///
/// It takes effect at once, in the whole process. A capture costs tens of microseconds.
///
/// ```
/// // Of one leak in a hundred; 0 turns it off again.
/// http_context::sample_backtraces(100);
/// ```
pub fn sample_backtraces(n: u32) {
    ONE_IN.store(n, Ordering::Relaxed);
}

/// Whether any are captured.
#[inline]
pub(crate) fn is_on() -> bool {
    ONE_IN.load(Ordering::Relaxed) != 0
}

/// A backtrace, if this is the one in `n`.
pub(crate) fn sampled() -> Option<Arc<Backtrace>> {
    let one_in = ONE_IN.load(Ordering::Relaxed);
    if one_in == 0 {
        return None;
    }
    capture_one_in(one_in)
}

#[cold]
fn capture_one_in(one_in: u32) -> Option<Arc<Backtrace>> {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    let is_the_one = SEEN.fetch_add(1, Ordering::Relaxed).is_multiple_of(one_in);
    is_the_one.then(|| Arc::new(Backtrace::force_capture()))
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::leak::CallSiteCounts;

    #[test]
    fn sampling_takes_effect_at_once_also_where_something_was_acquired_before() {
        let counts = CallSiteCounts::default();
        let acquire = || counts.acquire(Location::caller());
        acquire();
        sample_backtraces(1);
        acquire();
        sample_backtraces(0);
        let mut live = counts.mark_leaked();
        assert!(live.all(|holders| holders.backtrace.is_some()));
    }
}
