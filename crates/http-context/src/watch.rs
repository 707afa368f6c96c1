//! Looks after what no task looks after: contexts that are open for too long, leaked sockets.

use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Something to look at again and again, on the thread of this module.
pub(crate) trait Watched: Send {
    /// Looks. Returns when to look again, or `None` when there is nothing left to look at.
    fn look(&mut self) -> Option<Instant>;

    /// Whether there is nothing left to look at, long before it is due.
    fn is_over(&self) -> bool;
}

/// Looks at this for the first time then.
pub(crate) fn watch(due: Instant, watched: Box<dyn Watched>) {
    if cfg!(all(test, http_context_loom)) {
        // A model has no thread but its own, and looks itself. What is of one must not be met in the next.
        std::mem::forget(watched);
        return;
    }
    let mut watch = WATCH.lock();
    watch.insert(Entry { due, watched });
    match &watch.thread {
        Some(thread) if watch.heap.peek().is_some_and(|next| next.due == due) => thread.unpark(),
        Some(_) => {}
        None => {
            let spawned = thread::Builder::new()
                .name("http-context-watch".into())
                .spawn(run);
            // Without a thread nothing is found late; the next one to be watched tries again.
            watch.thread = spawned.ok().map(|handle| handle.thread().clone());
        }
    }
}

/// As [`watch`], so long from now by the clock of the machine.
pub(crate) fn watch_after(delay: Duration, watched: Box<dyn Watched>) {
    watch(now() + delay, watched);
}

/// Now by the clock of the machine, whatever a test has made of that of its runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the thread of this module has a clock that nobody pauses"
)]
pub(crate) fn now() -> Instant {
    Instant::from_std(std::time::Instant::now())
}

/// Taken under no other lock, and nothing of a user runs under it.
static WATCH: LazyLock<Mutex<Watch>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Watch {
    /// The next to be looked at is at the top.
    heap: BinaryHeap<Entry>,
    /// At this many entries those that are over are forgotten, so that they do not wait until they
    /// are due.
    prune_at: usize,
    /// There is one only while there is something to watch. It is no task, since it has to look
    /// when a runtime is stuck.
    thread: Option<Thread>,
}

const FEWEST_TO_PRUNE: usize = 64;

impl Watch {
    fn insert(&mut self, entry: Entry) {
        if self.heap.len() >= FEWEST_TO_PRUNE.max(self.prune_at) {
            self.heap.retain(|entry| !entry.watched.is_over());
            self.prune_at = self.heap.len() * 2;
        }
        self.heap.push(entry);
    }
}

/// How long at most the thread rests with nothing new.
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

fn run() {
    loop {
        let now = Instant::now();
        let mut watch = WATCH.lock();
        let Some(next) = watch.heap.peek() else {
            watch.thread = None;
            return;
        };
        if next.due > now {
            let rest = next.due.duration_since(now).min(LONGEST_REST);
            drop(watch);
            thread::park_timeout(rest);
            continue;
        }
        let Some(mut entry) = watch.heap.pop() else {
            continue;
        };
        drop(watch);
        // A panic in it, say of a value that is dropped there, must not end the thread.
        let again = catch_unwind(AssertUnwindSafe(|| entry.watched.look()));
        if let Ok(Some(due)) = again {
            entry.due = due;
            WATCH.lock().insert(entry);
        } else {
            drop(catch_unwind(AssertUnwindSafe(|| drop(entry))));
        }
    }
}

struct Entry {
    due: Instant,
    watched: Box<dyn Watched>,
}

/// The earlier is the greater: a heap has the greatest at its top.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Looks {
        looked: mpsc::Sender<u32>,
        times: u32,
        panics: bool,
    }

    impl Watched for Looks {
        fn look(&mut self) -> Option<Instant> {
            let _ = self.looked.send(self.times);
            assert!(!self.panics, "on purpose");
            self.times -= 1;
            (self.times > 0).then(Instant::now)
        }

        fn is_over(&self) -> bool {
            self.times == 0
        }
    }

    fn looks(times: u32, panics: bool) -> (Box<dyn Watched>, mpsc::Receiver<u32>) {
        let (looked, looks) = mpsc::channel();
        let watched = Looks {
            looked,
            times,
            panics,
        };
        (Box::new(watched), looks)
    }

    #[test]
    fn one_that_panics_keeps_the_thread_from_no_other() {
        let now = Instant::now();
        let far = looks(1, false);
        watch(now + LONGEST_REST, far.0);
        let (panics, panicked) = looks(1, true);
        watch(now, panics);
        let (watched, looked) = looks(3, false);
        watch(now, watched);
        let patience = Duration::from_secs(10);
        assert_eq!(panicked.recv_timeout(patience), Ok(1));
        for left in [3, 2, 1] {
            assert_eq!(looked.recv_timeout(patience), Ok(left));
        }
        assert!(looked.recv_timeout(patience).is_err(), "it is forgotten");
    }

    #[test]
    fn what_is_over_does_not_wait_until_it_is_due() {
        let mut watch = Watch::default();
        for times in [1, 0].into_iter().cycle().take(3 * FEWEST_TO_PRUNE) {
            let watched = looks(times, false).0;
            let due = Instant::now() + LONGEST_REST;
            watch.insert(Entry { due, watched });
        }
        assert!(
            watch.heap.len() < 3 * FEWEST_TO_PRUNE,
            "{}",
            watch.heap.len()
        );
        let alive = watch.heap.iter().filter(|entry| !entry.watched.is_over());
        assert_eq!(alive.count(), 3 * FEWEST_TO_PRUNE / 2);
    }
}
