//! What a pool counts, and the sockets of sessions that it closed.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;
use super::status::PoolStatus;
use crate::id::PoolId;
use crate::observer::Observer;
use crate::sockets::{self, Connection};

/// At this many connections of closed sessions those whose socket is gone are forgotten.
const FEWEST_TO_PRUNE: usize = 1024;

pub(super) struct Ledger {
    id: PoolId,
    max_size: usize,
    used: AtomicUsize,
    idle: AtomicUsize,
    waiting: AtomicUsize,
    closed: AtomicU64,
    /// Whether the pool was closed.
    is_closed: AtomicBool,
    /// When idle sessions were last looked through.
    looked: Mutex<Instant>,
    /// Told when a place was given back.
    pub(super) returned: Notify,
    /// What closed sessions had opened and nobody has verified.
    unverified: Mutex<Vec<Connection>>,
    observer: Option<Arc<dyn Observer>>,
}

impl Ledger {
    pub(super) fn new(max_size: usize, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            id: PoolId::next(),
            max_size,
            used: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            closed: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            looked: Mutex::new(Instant::now()),
            returned: Notify::new(),
            unverified: Mutex::default(),
            observer,
        }
    }

    pub(super) fn status(&self) -> PoolStatus {
        PoolStatus {
            pool: self.id,
            max_size: self.max_size,
            used: self.used.load(Ordering::Acquire),
            idle: self.idle.load(Ordering::Acquire),
            waiting: self.waiting.load(Ordering::Acquire),
        }
    }

    pub(super) fn observer(&self) -> Option<&dyn Observer> {
        self.observer.as_deref()
    }

    /// Tells a fact with the counts as they are after it.
    pub(super) fn tell(&self, fact: impl FnOnce(&dyn Observer, &PoolStatus)) {
        if let Some(observer) = &self.observer {
            fact(&**observer, &self.status());
        }
    }

    pub(super) fn became_used(&self) {
        self.used.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn left_used(&self) {
        self.used.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn became_idle(&self) {
        self.idle.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn left_idle(&self) {
        self.idle.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many sessions were closed so far.
    pub(super) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Acquire)
    }

    /// Notes that a session was closed, and what of its sockets has to be verified.
    pub(super) fn note_closed(&self, connections: Vec<Connection>) {
        self.closed.fetch_add(1, Ordering::AcqRel);
        let mut unverified = self.lock_unverified();
        unverified.extend(connections);
        if unverified.len() >= FEWEST_TO_PRUNE
            && let Some(held) = sockets::still_held(&unverified)
        {
            for (addresses, id) in unverified.iter().filter(|known| !held.contains(known)) {
                sockets::release(*addresses, *id);
            }
            *unverified = held;
        }
    }

    pub(super) fn take_unverified(&self) -> Vec<Connection> {
        std::mem::take(&mut *self.lock_unverified())
    }

    pub(super) fn put_unverified(&self, connections: Vec<Connection>) {
        self.lock_unverified().extend(connections);
    }

    /// The pool was closed, and its idle sessions with it.
    pub(super) fn pool_closed(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.tell_if_over();
    }

    /// Tells that the pool is over, when it was closed and what left it now was the last.
    pub(super) fn tell_if_over(&self) {
        // Who closes and who leaves both write first and look second, so that one of them sees it.
        fence(Ordering::SeqCst);
        let PoolStatus {
            used,
            idle,
            waiting,
            ..
        } = self.status();
        if self.is_closed.load(Ordering::Acquire) && (used, idle, waiting) == (0, 0, 0) {
            self.tell(Observer::pool_closed);
        }
    }

    /// Whether it is worth looking for expired sessions: as often as one can have expired.
    pub(super) fn may_have_expired(&self, limits: &Limits) -> bool {
        if self.idle.load(Ordering::Acquire) == 0 {
            return false;
        }
        let every = limits.idle_timeout.min(limits.max_lifetime) / 8;
        let now = Instant::now();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(*looked) < every {
            return false;
        }
        *looked = now;
        true
    }

    fn lock_unverified(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.unverified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        for (addresses, id) in self.take_unverified() {
            sockets::release(addresses, id);
        }
        if !*self.is_closed.get_mut() {
            *self.idle.get_mut() = 0;
            self.tell(Observer::pool_closed);
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

/// One that waits for a place. Dropped before its end, it has given up.
pub(super) struct Waiting<'l>(Option<&'l Ledger>);

impl<'l> Waiting<'l> {
    pub(super) fn begin(ledger: &'l Ledger) -> Self {
        ledger.waiting.fetch_add(1, Ordering::AcqRel);
        ledger.tell(Observer::pool_wait_started);
        Self(Some(ledger))
    }

    /// The wait has ended with a place or a timeout, which is told as such.
    pub(super) fn end(mut self) {
        if let Some(ledger) = self.0.take() {
            ledger.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ledger) = self.0.take() {
            ledger.waiting.fetch_sub(1, Ordering::AcqRel);
            ledger.tell(Observer::pool_wait_abandoned);
            ledger.tell_if_over();
        }
    }
}
