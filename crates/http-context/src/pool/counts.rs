//! What a pool counts, and the sockets of sessions that it closed.

use hashbrown::HashSet;
use std::sync::Arc;
use tokio::time::Instant;

use super::Limits;
use crate::connection::{Connection, release, still_held};
use crate::facts::PoolStatus;
use crate::identity::PoolId;
use crate::observer::{Observer, Observers};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, Notify};

/// At this many connections of closed sessions those whose socket is gone are forgotten.
const FEWEST_TO_PRUNE: usize = 1024;

/// What closed sessions had opened and nobody has verified.
#[derive(Default)]
struct Unverified {
    connections: Vec<Arc<Connection>>,
    /// At this many they are asked for.
    prune_at: usize,
}

pub(super) struct PoolCounts {
    id: PoolId,
    max_size: usize,
    used: AtomicUsize,
    idle: AtomicUsize,
    /// How many sessions may be on their way, see [`Moving`].
    moving: AtomicUsize,
    waiting: AtomicUsize,
    is_closed: AtomicBool,
    closed: AtomicU64,
    /// How often the counts were taken.
    /// Nothing of a user runs under it.
    sequence: Mutex<u64>,
    /// When idle sessions were last looked through.
    /// Nothing of a user runs under it.
    looked: Mutex<Instant>,
    /// Notified when a permit was given back, and when a session is where it belongs.
    pub(super) returned: Notify,
    /// What closed sessions had opened and nobody has verified.
    /// Nothing of a user runs under it, and no other lock is taken.
    unverified: Mutex<Unverified>,
    pub(super) observers: Observers,
}

impl PoolCounts {
    pub(super) fn new(max_size: usize, observers: Observers) -> Self {
        Self {
            id: PoolId::next(),
            max_size,
            used: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            moving: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            closed: AtomicU64::new(0),
            sequence: Mutex::default(),
            looked: Mutex::new(Instant::now()),
            returned: Notify::new(),
            unverified: Mutex::default(),
            observers,
        }
    }

    pub(super) fn status(&self) -> PoolStatus {
        // Held while they are read, so that a later number stands for later counts.
        let mut sequence = self.sequence.lock();
        *sequence += 1;
        PoolStatus {
            pool: self.id,
            max_size: self.max_size,
            used: self.used.load(Ordering::Acquire),
            idle: self.idle.load(Ordering::Acquire),
            waiting: self.waiting.load(Ordering::Acquire),
            is_closed: self.is_closed(),
            sequence: *sequence,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// From here on the pool is closed. Returns whether it was open.
    pub(super) fn close(&self) -> bool {
        !self.is_closed.swap(true, Ordering::AcqRel)
    }

    /// Calls each observer with a fact and the counts as they are after it.
    pub(super) fn notify(&self, mut fact: impl FnMut(&dyn Observer, &PoolStatus)) {
        if !self.observers.is_empty() {
            let status = self.status();
            self.observers.notify(|observer| fact(observer, &status));
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

    /// Whether no context has a permit, and no session is on its way.
    pub(super) fn is_unused(&self) -> bool {
        let is_moving = || self.moving.load(Ordering::Acquire) > 0;
        // Looked for before and after: one that is handed out is counted as used first and moves no more
        // second, and one that comes back moves first and is counted as used no more second.
        !is_moving() && self.used.load(Ordering::Acquire) == 0 && !is_moving()
    }

    /// How many sessions were closed so far.
    pub(super) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Acquire)
    }

    /// Notes that a session was closed, and what of its sockets has to be verified.
    pub(super) fn note_closed(&self, connections: Vec<Arc<Connection>>) {
        self.closed.fetch_add(1, Ordering::AcqRel);
        let mut unverified = self.unverified.lock();
        unverified.connections.extend(connections);
        if unverified.connections.len() < FEWEST_TO_PRUNE.max(unverified.prune_at) {
            return;
        }
        let all = std::mem::take(&mut unverified.connections);
        drop(unverified);
        // Outside of the lock, since observers may be notified of them, and the more there are the longer
        // it takes. Where the operating system cannot be asked, nobody will ever verify them.
        let held = still_held(&all).unwrap_or_default();
        let ids: HashSet<_> = held.iter().map(|one| one.info.id).collect();
        let gone = all.iter().filter(|one| !ids.contains(&one.info.id));
        gone.for_each(release);
        let mut unverified = self.unverified.lock();
        unverified.connections.extend(held);
        unverified.prune_at = unverified.connections.len() * 2;
    }

    pub(super) fn take_unverified(&self) -> Vec<Arc<Connection>> {
        std::mem::take(&mut self.unverified.lock().connections)
    }

    pub(super) fn put_unverified(&self, connections: Vec<Arc<Connection>>) {
        self.unverified.lock().connections.extend(connections);
    }

    /// Whether it is worth looking for expired sessions: as often as one can have expired.
    pub(super) fn may_have_expired(&self, limits: &Limits) -> bool {
        if self.idle.load(Ordering::Acquire) == 0 {
            return false;
        }
        let every = limits.idle_timeout.min(limits.max_lifetime) / 8;
        let now = Instant::now();
        let mut looked = self.looked.lock();
        if now.duration_since(*looked) < every {
            return false;
        }
        *looked = now;
        true
    }
}

impl Drop for PoolCounts {
    fn drop(&mut self) {
        if self.close() {
            // They went with the pool.
            self.idle.store(0, Ordering::Release);
            self.notify(Observer::pool_closed);
        }
        self.take_unverified().iter().for_each(release);
    }
}

/// Held while a session may be on its way: out of the pool and in no permit, or out of its permit and not closed.
/// Nothing else counts it then, and a pool that closes waits for it.
pub(super) struct Moving(Arc<PoolCounts>);

impl Moving {
    pub(super) fn begin(counts: &Arc<PoolCounts>) -> Self {
        counts.moving.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(counts))
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.0.moving.fetch_sub(1, Ordering::AcqRel);
        self.0.returned.notify_waiters();
    }
}

/// A context that waits for a permit. Dropped before its end, it has given up.
pub(super) struct Waiting<'l>(Option<&'l PoolCounts>);

impl<'l> Waiting<'l> {
    pub(super) fn begin(counts: &'l PoolCounts) -> Self {
        counts.waiting.fetch_add(1, Ordering::AcqRel);
        counts.notify(Observer::pool_wait_started);
        Self(Some(counts))
    }

    /// The wait has ended with a permit or a timeout, which are facts of their own.
    pub(super) fn end(mut self) {
        if let Some(counts) = self.0.take() {
            counts.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(counts) = self.0.take() {
            counts.waiting.fetch_sub(1, Ordering::AcqRel);
            counts.notify(Observer::pool_wait_abandoned);
        }
    }
}

#[cfg(all(test, http_context_loom))]
mod models;
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connection::sample::{Sample, without_socket};

    #[tokio::test(start_paused = true)]
    async fn expired_sessions_are_looked_for_eight_times_in_the_time_that_one_takes_to_expire() {
        let limits = Limits {
            max_size: 1,
            idle_timeout: Duration::from_secs(80),
            max_lifetime: Duration::from_secs(800),
            wait_timeout: Duration::ZERO,
        };
        let counts = PoolCounts::new(1, Observers::default());
        let pause = Duration::from_secs(10);
        tokio::time::advance(pause).await;
        assert!(!counts.may_have_expired(&limits), "none is idle");
        counts.became_idle();
        for _ in 0..2 {
            assert!(counts.may_have_expired(&limits));
            assert!(!counts.may_have_expired(&limits));
            tokio::time::advance(pause / 2).await;
            assert!(!counts.may_have_expired(&limits));
            tokio::time::advance(pause / 2).await;
        }
    }

    #[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
    #[test]
    fn closed_sockets_are_forgotten_when_there_are_too_many_and_open_ones_are_not() {
        let (counts, sample) = (PoolCounts::new(1, Observers::default()), Sample::new());
        let closed = |port| {
            let connection = sample.unobserved(without_socket(5, port));
            Sample::enter(&connection);
            connection
        };
        let (addresses, _ends) = crate::connection::sample::with_socket();
        let held = sample.unobserved(addresses);
        Sample::enter(&held);
        let gone: Vec<_> = (1..).map(closed).take(FEWEST_TO_PRUNE - 2).collect();
        counts.note_closed(gone.clone());
        counts.note_closed(vec![Arc::clone(&held)]);
        assert!(gone.iter().all(Sample::is_entered));
        counts.note_closed(vec![closed(u16::MAX)]);
        assert!(!gone.iter().any(Sample::is_entered));
        assert!(Sample::is_entered(&held), "still ours");
        let left = counts.take_unverified();
        assert!(matches!(&left[..], [one] if Arc::ptr_eq(one, &held)));
        release(&held);
    }

    #[test]
    fn a_pool_that_is_dropped_answers_for_no_socket_any_more() {
        let connection = Sample::new().unobserved(without_socket(6, 1));
        Sample::enter(&connection);
        let counts = PoolCounts::new(1, Observers::default());
        counts.note_closed(vec![Arc::clone(&connection)]);
        assert!(Sample::is_entered(&connection));
        drop(counts);
        assert!(!Sample::is_entered(&connection));
    }
}
