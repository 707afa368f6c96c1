//! Who waits for another thread, and can be seen doing so: a thread that sleeps, a future that nobody
//! wakes.

use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use crate::stopping::DEADLINE;

/// A thread that does one thing.
pub(crate) struct Elsewhere<T> {
    result: Receiver<T>,
    /// What the kernel says of the thread, for as long as it is there.
    stat: PathBuf,
}

impl<T: Send + 'static> Elsewhere<T> {
    pub(crate) fn run(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (done, result) = mpsc::channel();
        let (begun, thread) = mpsc::channel();
        thread::spawn(move || {
            begun.send(fs::read_link("/proc/thread-self")).unwrap();
            let _ = done.send(work());
        });
        let thread = thread.recv_timeout(DEADLINE).unwrap().unwrap();
        Self {
            result,
            stat: PathBuf::from("/proc").join(thread).join("stat"),
        }
    }

    /// Comes back as soon as the thread sleeps. It has nothing to sleep for but another one.
    #[track_caller]
    pub(crate) fn assert_waits(&self) {
        loop {
            let result = self.result.try_recv().map(drop);
            assert_eq!(result, Err(TryRecvError::Empty), "it waited for nobody");
            if self.sleeps() {
                return;
            }
            thread::yield_now();
        }
    }

    fn sleeps(&self) -> bool {
        let stat = fs::read_to_string(&self.stat).unwrap_or_default();
        // The state follows the name, which stands in parentheses and may have some itself.
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'))
    }

    #[track_caller]
    pub(crate) fn result(&self) -> T {
        self.result.recv_timeout(DEADLINE).unwrap()
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Polls a future for as long as it wakes itself, and so until it waits for somebody else.
#[track_caller]
pub(crate) fn assert_waits<F: Future + Unpin>(future: &mut F) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        let poll = Pin::new(&mut *future).poll(&mut Context::from_waker(&waker));
        assert!(matches!(poll, Poll::Pending), "it waited for nobody");
        if !woken.0.swap(false, Ordering::AcqRel) {
            return;
        }
    }
}
