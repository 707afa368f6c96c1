//! What those who make requests write down themselves, and how it fits with what their server did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http_context::RequestError;
use http_context_tests::Tally;

/// Its caller has dropped it, or is about to.
const DROPPED: u8 = 0;
const FAILED: u8 = 1;
const ANSWERED: u8 = 2;
/// The session was closed, before the request began or while it was on its way.
const SESSION_CLOSED: u8 = 3;

/// What became of each request, by its number, in the words of its caller.
#[derive(Debug)]
pub(crate) struct Books {
    next: AtomicUsize,
    ends: Box<[AtomicU8]>,
    /// The redirects on the way of each.
    hops: Box<[AtomicU8]>,
    pub(crate) tally: Arc<Tally>,
    statuses: Mutex<BTreeMap<u16, u64>>,
    bodies: AtomicU64,
    empty_bodies: AtomicU64,
    body_bytes: AtomicU64,
    contexts: Mutex<BTreeMap<&'static str, u64>>,
}

/// A request that was begun. Without another word, its caller has turned away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'b> {
    books: &'b Books,
    pub(crate) number: usize,
}

/// The sums of the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
    pub(crate) session_closed: u64,
    /// Redirects on the way of those that were answered.
    pub(crate) hops: u64,
    /// Redirects on the way of the others, as far as their server knows.
    pub(crate) other_hops: u64,
}

impl Books {
    pub(crate) fn new(requests: usize) -> Self {
        let all = |value| (0..requests).map(|_| AtomicU8::new(value)).collect();
        Self {
            next: AtomicUsize::new(0),
            ends: all(DROPPED),
            hops: all(0),
            tally: Tally::new(requests),
            statuses: Mutex::default(),
            bodies: AtomicU64::new(0),
            empty_bodies: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            contexts: Mutex::default(),
        }
    }

    /// Whether as many have begun as there is room for.
    pub(crate) fn is_full(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.ends.len()
    }

    /// A request begins that is to be redirected so often. None once the books are full.
    pub(crate) fn begin(&self, hops: u8) -> Option<Entry<'_>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.hops.get(number)?.store(hops, Ordering::Relaxed);
        Some(Entry {
            books: self,
            number,
        })
    }

    pub(crate) fn body(&self, bytes: usize) {
        self.bodies.fetch_add(1, Ordering::Relaxed);
        let is_empty = u64::from(bytes == 0);
        self.empty_bodies.fetch_add(is_empty, Ordering::Relaxed);
        self.body_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn context(&self, outcome: &'static str) {
        let mut contexts = lock(&self.contexts);
        *contexts.entry(outcome).or_default() += 1;
    }

    pub(crate) fn statuses(&self) -> BTreeMap<u16, u64> {
        lock(&self.statuses).clone()
    }

    /// Whole bodies, and their bytes.
    pub(crate) fn bodies(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.bodies), load(&self.body_bytes))
    }

    pub(crate) fn empty_bodies(&self) -> u64 {
        self.empty_bodies.load(Ordering::Relaxed)
    }

    pub(crate) fn contexts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.contexts).clone()
    }

    /// Adds up, and says in `misfits` of which requests the server knows otherwise than their callers.
    pub(crate) fn hold_against_the_server(&self, misfits: &mut Vec<String>) -> Ended {
        let mut ended = Ended::default();
        let begun = self.next.load(Ordering::Relaxed).min(self.ends.len());
        for number in 0..begun {
            let hops = self.hops[number].load(Ordering::Relaxed);
            let (arrivals, heads) = (self.tally.arrivals(number), self.tally.heads(number));
            let end = self.ends[number].load(Ordering::Relaxed);
            if end == ANSWERED {
                ended.answered += 1;
                ended.hops += u64::from(hops);
                if heads != hops + 1 || arrivals < heads {
                    misfits.push(format!(
                        "request {number} was answered after {hops} redirects, and came {arrivals} times to a \
                         server that sent {heads} heads"
                    ));
                }
                continue;
            }
            ended.other_hops += u64::from(heads.min(hops));
            if heads > hops + 1 {
                misfits.push(format!(
                    "request {number} got {heads} heads, at most {} were for it",
                    hops + 1
                ));
            }
            match end {
                FAILED => ended.failed += 1,
                SESSION_CLOSED => ended.session_closed += 1,
                _ => ended.dropped += 1,
            }
        }
        ended
    }
}

impl Entry<'_> {
    /// What came of it.
    pub(crate) fn ends(self, result: &Result<reqwest::Response, RequestError>) {
        let end = match result {
            Ok(response) => {
                let mut statuses = lock(&self.books.statuses);
                *statuses.entry(response.status().as_u16()).or_default() += 1;
                ANSWERED
            }
            Err(error) if error.is_session_closed() => SESSION_CLOSED,
            Err(_) => FAILED,
        };
        self.books.ends[self.number].store(end, Ordering::Relaxed);
    }
}

impl Ended {
    pub(crate) fn all(self) -> u64 {
        self.answered + self.failed + self.dropped + self.session_closed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
