//! How far a context has come: open, closing, closed.

use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
/// An exit has begun: no request is admitted any more.
const CLOSING: u8 = 1;
/// The exit has ended, and was reported.
const CLOSED: u8 = 2;

#[derive(Debug, Default)]
pub(crate) struct Phase {
    /// Sequentially consistent from `OPEN` to `CLOSING`: an exit writes it first and looks at
    /// holders second, where a lookup counts itself first and looks here second.
    phase: AtomicU8,
    /// When it began to refuse requests. Nothing of a user runs under it.
    closed: Mutex<Option<Instant>>,
}

impl Phase {
    /// Begins the exit.
    pub(crate) fn close(&self, now: Instant) {
        *self.closed.lock() = Some(now);
        self.phase.store(CLOSING, Ordering::SeqCst);
    }

    /// Ends the exit.
    pub(crate) fn end(&self) {
        self.phase.store(CLOSED, Ordering::Release);
    }

    /// Whether the exit has begun.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase.load(Ordering::SeqCst) != OPEN
    }

    /// Whether the exit is under way.
    pub(crate) fn is_closing(&self) -> bool {
        self.phase.load(Ordering::Acquire) == CLOSING
    }

    /// Whether the exit has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.phase.load(Ordering::Acquire) == CLOSED
    }

    /// How long ago the exit began.
    pub(crate) fn closed_ago(&self) -> Duration {
        let closed = *self.closed.lock();
        closed.map(|closed| closed.elapsed()).unwrap_or_default()
    }
}
