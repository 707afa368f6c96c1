//! How much of a response body was read, and when last: to be asked at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Counted by whoever polls the body, and read by an exit that finds it unread.
#[derive(Debug, Default)]
pub(super) struct Received {
    bytes: AtomicU64,
    /// When the head came, or bytes after it, in nanoseconds since the request was started.
    last: AtomicU64,
}

impl Received {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// So many bytes more. Only one polls the body at a time, so that nothing is lost.
    pub(super) fn add(&self, bytes: usize) {
        let bytes = self.bytes() + bytes as u64;
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// The head came now, or bytes did after which more are expected: for those of the end nobody
    /// reads the clock.
    pub(super) fn note(&self, started: Instant, now: Instant) {
        let passed = now.saturating_duration_since(started);
        // Half a millennium fits; `as_nanos` would count in 128 bits, for each piece of each body.
        let seconds = passed.as_secs().wrapping_mul(1_000_000_000);
        let nanos = seconds.wrapping_add(passed.subsec_nanos().into());
        self.last.store(nanos, Ordering::Relaxed);
    }

    /// How long ago that was.
    pub(super) fn quiet_for(&self, started: Instant) -> Duration {
        let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
        started.elapsed().saturating_sub(last)
    }
}
