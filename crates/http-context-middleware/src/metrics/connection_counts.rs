//! How many connections to a server are open, and how many of them have a request.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How soon a connection closes because a request on it was dropped.
const CLOSES_WITHIN: Duration = Duration::from_millis(250);

/// The counts of one server. The lock protects the counts alone; the caller moves the gauges after
/// it.
///
/// Which connection a request is on is known only when its response head is there. Until then it
/// counts as being on one of the idle ones, as far as there are any: so a server that is slow to
/// answer is not shown with idle connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts(Mutex<Counts>);

#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections that are open.
    pub(crate) open: i64,
    /// Of those, the ones known to have a request.
    pub(crate) busy: i64,
    /// Requests on a connection that is not known yet.
    pub(crate) waiting: i64,
    /// When requests were cancelled on unknown connections, in order.
    cancelled: VecDeque<Instant>,
    shown: Shown,
}

impl Counts {
    /// A request was cancelled on an unknown connection. With HTTP/1.1 the connection closes now,
    /// and its close calls [`take_cancelled`](Self::take_cancelled).
    pub(crate) fn note_cancelled(&mut self, now: Instant) {
        self.forget_cancelled(now);
        self.cancelled.push_back(now);
    }

    /// Whether a connection that closes may have carried such a request. Each request is taken
    /// once.
    pub(crate) fn take_cancelled(&mut self, now: Instant) -> bool {
        self.forget_cancelled(now);
        self.cancelled.pop_front().is_some()
    }

    /// Over HTTP/2 nothing closes, and with its session a connection closes for that: such requests
    /// are never taken.
    fn forget_cancelled(&mut self, now: Instant) {
        let is_over = |at: &Instant| now.duration_since(*at) >= CLOSES_WITHIN;
        while self.cancelled.front().is_some_and(is_over) {
            self.cancelled.pop_front();
        }
    }
}

/// The values of the two gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shown {
    active: i64,
    idle: i64,
}

impl ConnectionCounts {
    /// Changes the counts. Returns the steps of the gauges of active and idle connections.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Counts)) -> (i64, i64) {
        let mut counts = self.0.lock();
        change(&mut counts);
        let active = (counts.busy + counts.waiting).clamp(0, counts.open.max(0));
        let shown = Shown {
            active,
            idle: counts.open - active,
        };
        let before = std::mem::replace(&mut counts.shown, shown);
        (shown.active - before.active, shown.idle - before.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_known_connection_counts_on_an_idle_one() {
        let books = ConnectionCounts::default();
        assert_eq!(books.change(|c| c.waiting += 1), (0, 0), "none is open");
        assert_eq!(books.change(|c| c.open += 2), (1, 1));
        assert_eq!(books.change(|c| c.waiting += 3), (1, -1), "two are open");
        let head = |c: &mut Counts| {
            c.waiting -= 1;
            c.busy += 1;
        };
        assert_eq!(books.change(head), (0, 0));
        assert_eq!(books.change(|c| c.waiting -= 3), (-1, 1));
        let close = |c: &mut Counts| {
            c.busy -= 1;
            c.open -= 1;
        };
        assert_eq!(books.change(close), (-1, 0));
    }

    #[test]
    fn a_cancelled_request_closes_one_connection_and_soon() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        assert!(!counts.take_cancelled(now));
        counts.note_cancelled(now);
        counts.note_cancelled(now);
        let last = now + CLOSES_WITHIN - Duration::from_nanos(1);
        assert!(counts.take_cancelled(last));
        counts.note_cancelled(last);
        let late = now + CLOSES_WITHIN;
        assert!(counts.take_cancelled(late), "the last one");
        assert!(!counts.take_cancelled(late), "the second is forgotten");
    }

    #[test]
    fn requests_that_are_never_taken_are_forgotten() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        for nth in 0..100 {
            counts.note_cancelled(now + CLOSES_WITHIN * nth);
        }
        assert_eq!(counts.cancelled.len(), 1);
    }
}
