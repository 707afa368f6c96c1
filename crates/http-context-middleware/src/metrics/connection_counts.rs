//! How many connections to a server are open, and how many of them have a request.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A connection that closes so soon after a request on it was dropped closes for that.
pub(crate) const LET_GO_CLOSES_WITHIN: Duration = Duration::from_millis(250);

/// The counts of one server. Only data: whoever changes them moves the gauges after the lock.
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
    /// When requests were cancelled on a connection that was not known, the first of them first.
    cancelled: VecDeque<Instant>,
    shown: Shown,
}

impl Counts {
    /// A request was cancelled on a connection that is not known. With HTTP/1.1 that one closes
    /// now, and whoever closes it asks for this.
    pub(crate) fn note_cancelled(&mut self, now: Instant) {
        self.forget_cancelled(now);
        self.cancelled.push_back(now);
    }

    /// Whether a connection that closes may have had such a request: each had one.
    pub(crate) fn take_cancelled(&mut self, now: Instant) -> bool {
        self.forget_cancelled(now);
        self.cancelled.pop_front().is_some()
    }

    /// Nobody asks for one over HTTP/2, which closes nothing, nor where the session closed as well.
    fn forget_cancelled(&mut self, now: Instant) {
        let is_over = |at: &Instant| now.duration_since(*at) >= LET_GO_CLOSES_WITHIN;
        while self.cancelled.front().is_some_and(is_over) {
            self.cancelled.pop_front();
        }
    }
}

/// What the two gauges stand at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shown {
    active: i64,
    idle: i64,
}

impl ConnectionCounts {
    /// Changes the counts; says by how much the gauges of active and idle ones move.
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
    fn a_request_that_was_cancelled_closes_one_connection_and_soon() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        assert!(!counts.take_cancelled(now));
        counts.note_cancelled(now);
        counts.note_cancelled(now);
        let last = now + LET_GO_CLOSES_WITHIN - Duration::from_nanos(1);
        assert!(counts.take_cancelled(last));
        counts.note_cancelled(last);
        let late = now + LET_GO_CLOSES_WITHIN;
        assert!(counts.take_cancelled(late), "the last one");
        assert!(
            !counts.take_cancelled(late),
            "the second, which nobody asked for"
        );
    }

    #[test]
    fn what_nobody_asks_for_does_not_pile_up() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        for nth in 0..100 {
            counts.note_cancelled(now + LET_GO_CLOSES_WITHIN * nth);
        }
        assert_eq!(counts.cancelled.len(), 1);
    }
}
