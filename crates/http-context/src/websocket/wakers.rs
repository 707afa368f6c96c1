//! Who waits for a socket.

use std::sync::Arc;
use std::task::{Wake, Waker};

use parking_lot::Mutex;

/// Who polls a socket. Any of them may make it go on, so that all are woken by whatever happens to
/// it.
#[derive(Clone, Copy)]
pub(super) enum Polls {
    Reader,
    Writer,
    /// The exit of the context, which waits for the peer's answer.
    Exit,
}

/// The tasks that wait for a socket, each in its place. Nothing of a user runs under the lock but the
/// clone of a waker.
#[derive(Default)]
pub(super) struct Wakers(Mutex<[Option<Waker>; 3]>);

impl Wakers {
    /// To be called before the socket is polled, so that nothing is missed.
    pub(super) fn wait(&self, polls: Polls, waker: &Waker) {
        let mut waiting = self.0.lock();
        match &mut waiting[polls as usize] {
            Some(known) => known.clone_from(waker),
            unknown => *unknown = Some(waker.clone()),
        }
    }

    pub(super) fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.0.lock());
        for waker in waiting.into_iter().flatten() {
            waker.wake();
        }
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
