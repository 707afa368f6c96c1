//! When the engine looks for jobs.
//!
//! apalis looks whenever a job ends. Between jobs it has to be woken: at once when jobs were added,
//! and from time to time because a job that waits for its next attempt becomes due without any
//! event. Its own hook on inserts fires before they are committed, and a look that was under way at
//! that moment would miss them; so this is called after the commit, and the interval makes up for a
//! look that was under way even then.

use std::task::{Context, Poll};
use std::time::Duration;

use apalis::prelude::{PollSnapshot, PollStrategy};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Wakes the engine when there are jobs.
#[derive(Clone, Debug)]
pub(super) struct Waker(mpsc::Sender<()>);

impl Waker {
    pub(super) fn wake(&self) {
        // A full channel holds a wake-up that has not been seen yet: one is enough.
        let _ = self.0.try_send(());
    }
}

/// The engine's side: one for each worker.
#[derive(Debug)]
pub(super) struct Wake {
    woken: mpsc::Receiver<()>,
    tick: Interval,
}

pub(super) fn wake() -> (Waker, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel(1);
    (Waker(sender), receiver)
}

impl Wake {
    /// Must be called in a runtime.
    pub(super) fn new(woken: mpsc::Receiver<()>, look_every: Duration) -> Self {
        let mut tick = interval(look_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { woken, tick }
    }
}

impl PollStrategy for Wake {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut due = false;
        // Both are polled until they are pending, because only then do they wake this task again.
        while let Poll::Ready(Some(())) = self.woken.poll_recv(cx) {
            due = true;
        }
        while self.tick.poll_tick(cx).is_ready() {
            due = true;
        }
        if due {
            Poll::Ready(Some(()))
        } else {
            Poll::Pending
        }
    }
}
