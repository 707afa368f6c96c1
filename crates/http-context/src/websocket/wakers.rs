//! Who waits for a socket.
//!
//! As long as its holder alone polls it, the connection wakes the holder's tasks itself. Once the exit
//! or a heartbeat polls it in between, the connection wakes all that wait, by one waker for all.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::Mutex;

/// Who polls a socket.
#[derive(Clone, Copy)]
pub(super) enum Polls {
    Reader,
    Writer,
    /// Who closes it, which may be another than who reads it.
    Closer,
    /// The exit of the context, which waits for the peer's answer.
    Exit,
}

/// The tasks that wait for a socket, each in its place.
#[derive(Default)]
pub(super) struct Waiting([Option<Waker>; 4]);

impl Waiting {
    /// To be called before the socket is polled, so that nothing is missed.
    pub(super) fn wait(&mut self, polls: Polls, waker: &Waker) {
        match &mut self.0[polls as usize] {
            Some(known) => known.clone_from(waker),
            unknown => *unknown = Some(waker.clone()),
        }
    }

    /// With no lock held.
    pub(super) fn wake(self) {
        for waker in self.0.into_iter().flatten() {
            waker.wake();
        }
    }
}

/// What the connection wakes for all that wait. Nothing of a user runs under the lock but the clone of
/// a waker.
#[derive(Default)]
pub(super) struct Wakers(Mutex<Waiting>);

impl Wakers {
    /// See [`Waiting::wait`].
    pub(super) fn wait(&self, polls: Polls, waker: &Waker) {
        self.0.lock().wait(polls, waker);
    }

    /// Takes over those that wait for the connection itself.
    pub(super) fn take_over(&self, waiting: &mut Waiting) {
        let mut all = self.0.lock();
        for (known, new) in all.0.iter_mut().zip(&mut waiting.0) {
            if let Some(new) = new.take() {
                *known = Some(new);
            }
        }
    }

    pub(super) fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.0.lock());
        waiting.wake();
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(all(test, http_context_loom))]
mod models;
