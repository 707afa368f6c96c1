//! What this process is to the queue: the workers that it registered, and the jobs in its hands.
//!
//! There is one worker at a time. When the engine has failed, because the queue was away or had taken it
//! to be gone, the next one begins under another name; jobs of the one before it are still in hand,
//! and it is kept alive until they have ended.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, watch};
use ulid::Ulid;

use crate::queue::wake::Waker;
use crate::queue::{Attempt, Handler, Ticket};

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::queue) struct Workers {
    inner: Mutex<Inner>,
    /// Whether the queue answered the keeper when it was last asked, and how often it did.
    answers: watch::Sender<(bool, u64)>,
    begin_anew: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The present one is last.
    names: Vec<String>,
    in_hand: HashSet<Ticket>,
    /// How many jobs were ever in hand.
    begun: u64,
    waker: Option<Waker>,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            answers: watch::Sender::new((true, 0)),
            begin_anew: Notify::new(),
        }
    }
}

impl Workers {
    /// A worker under a name that nobody had before.
    pub(in crate::queue) fn begin(&self, host: &str, waker: Waker) -> String {
        let name = format!("{host}-{}-{}", std::process::id(), Ulid::generate());
        let mut inner = self.lock();
        inner.names.push(name.clone());
        inner.waker = Some(waker);
        name
    }

    pub(in crate::queue) fn names(&self) -> Vec<String> {
        self.lock().names.clone()
    }

    /// The workers before the present one.
    pub(in crate::queue) fn former(&self) -> Vec<String> {
        let mut names = self.names();
        names.pop();
        names
    }

    pub(in crate::queue) fn forget(&self, name: &str) {
        self.lock().names.retain(|known| known != name);
    }

    pub(in crate::queue) fn in_hand(&self) -> Vec<Ticket> {
        self.lock().in_hand.iter().copied().collect()
    }

    pub(in crate::queue) fn begun(&self) -> u64 {
        self.lock().begun
    }

    /// Has the engine look for jobs.
    pub(in crate::queue) fn wake(&self) {
        if let Some(waker) = &self.lock().waker {
            waker.wake();
        }
    }

    /// Has the next worker begin, so that what was handed out to this one and is not in hand is given
    /// back. The server may hold jobs to be in our hands that we have settled: a master that was replaced
    /// had not passed on all that it acknowledged.
    pub(in crate::queue) fn begin_anew(&self) {
        self.begin_anew.notify_one();
    }

    /// Waits until the next worker is to begin.
    pub(in crate::queue) async fn until_begin_anew(&self) {
        self.begin_anew.notified().await;
    }

    /// Notes whether the queue answered the keeper; whether that is news.
    pub(in crate::queue) fn note_answer(&self, answers: bool) -> bool {
        let mut is_news = false;
        self.answers.send_modify(|(before, times)| {
            is_news = *before != answers;
            *before = answers;
            *times += u64::from(answers);
        });
        is_news
    }

    /// Waits until the queue has answered the keeper once more.
    pub(in crate::queue) async fn until_answered(&self) {
        let mut answers = self.answers.subscribe();
        let (_, times) = *answers.borrow_and_update();
        // The sender is in `self`.
        let _ = answers.wait_for(|(_, now)| *now > times).await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

/// Does what a handler does, and knows which jobs it has in hand.
#[derive(Clone)]
pub(in crate::queue) struct Counted<H> {
    pub(in crate::queue) handler: H,
    pub(in crate::queue) workers: Arc<Workers>,
    /// As many as jobs run at once, over one worker and the next.
    pub(in crate::queue) slots: Arc<Semaphore>,
}

impl<H: Handler> Handler for Counted<H> {
    async fn handle(&self, attempt: Attempt) {
        let held = InHand::take(Arc::clone(&self.workers), attempt.ticket);
        // Nobody closes it.
        let _slot = self.slots.acquire().await;
        self.handler.handle(attempt).await;
        drop(held);
    }
}

struct InHand {
    workers: Arc<Workers>,
    ticket: Ticket,
}

impl InHand {
    fn take(workers: Arc<Workers>, ticket: Ticket) -> Self {
        let mut inner = workers.lock();
        inner.in_hand.insert(ticket);
        inner.begun += 1;
        drop(inner);
        Self { workers, ticket }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut inner = self.workers.lock();
        inner.in_hand.remove(&self.ticket);
    }
}
