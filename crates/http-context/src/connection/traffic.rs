//! What the connections of one session have to know of its requests.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A connection that closes so soon after a request or a body on it was dropped closes for that: at
/// once, but on a busy machine its task waits for its turn.
pub(super) const DROP_CLOSES_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) keep_alive: Duration,
    /// Requests that were sent and have no response head so far. Which connection each of them is
    /// on is not known before its head is there.
    awaiting: AtomicUsize,
    is_closed: AtomicBool,
    /// When requests were cancelled on a connection that was not known, the first of them first.
    /// Nothing of a user runs under it.
    cancelled: Mutex<VecDeque<Instant>>,
}

impl Traffic {
    pub(super) fn new(keep_alive: Duration) -> Self {
        Self {
            keep_alive,
            awaiting: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            cancelled: Mutex::default(),
        }
    }

    pub(super) fn begin_awaiting(&self) {
        self.awaiting.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns whether it was the last.
    pub(super) fn end_awaiting(&self) -> bool {
        self.awaiting.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn awaits_heads(&self) -> bool {
        self.awaiting.load(Ordering::Acquire) > 0
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// A request was cancelled on a connection that is not known. With HTTP/1.1 that one closes
    /// now, and whoever closes it asks for this.
    pub(super) fn note_cancelled(&self, now: Instant) {
        let mut cancelled = self.cancelled.lock();
        forget_cancelled(&mut cancelled, now);
        cancelled.push_back(now);
    }

    /// Whether a connection that closes may have had such a request: each had one.
    pub(super) fn take_cancelled(&self, now: Instant) -> bool {
        let mut cancelled = self.cancelled.lock();
        forget_cancelled(&mut cancelled, now);
        cancelled.pop_front().is_some()
    }
}

/// Nobody asks for one over HTTP/2, which closes nothing, nor where the session closed as well.
fn forget_cancelled(cancelled: &mut VecDeque<Instant>, now: Instant) {
    let is_over = |at: &Instant| now.saturating_duration_since(*at) >= DROP_CLOSES_WITHIN;
    while cancelled.front().is_some_and(is_over) {
        cancelled.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_cancelled_closes_one_connection_and_soon() {
        let (traffic, now) = (Traffic::new(Duration::ZERO), Instant::now());
        assert!(!traffic.take_cancelled(now));
        traffic.note_cancelled(now);
        traffic.note_cancelled(now);
        let last = now + DROP_CLOSES_WITHIN - Duration::from_nanos(1);
        assert!(traffic.take_cancelled(last));
        traffic.note_cancelled(last);
        let late = now + DROP_CLOSES_WITHIN;
        assert!(traffic.take_cancelled(late), "the last one");
        assert!(
            !traffic.take_cancelled(late),
            "the second, which nobody asked for"
        );
    }

    #[test]
    fn cancelled_requests_that_closed_nothing_do_not_pile_up() {
        let (traffic, now) = (Traffic::new(Duration::ZERO), Instant::now());
        for nth in 0..100 {
            traffic.note_cancelled(now + DROP_CLOSES_WITHIN * nth);
        }
        assert_eq!(traffic.cancelled.lock().len(), 1);
    }
}
