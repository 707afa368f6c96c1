//! What a pool counts, and the sockets of sessions that it closed.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;
use crate::connection::kernel::{self, Connection};
use crate::facts::PoolStatus;
use crate::identity::PoolId;
use crate::observer::{Observer, Observers};

/// At this many connections of closed sessions those whose socket is gone are forgotten.
const FEWEST_TO_PRUNE: usize = 1024;

pub(super) struct PoolCounts {
    id: PoolId,
    max_size: usize,
    used: AtomicUsize,
    idle: AtomicUsize,
    waiting: AtomicUsize,
    is_closed: AtomicBool,
    closed: AtomicU64,
    /// How often the counts were taken.
    /// Nothing of a user runs under it.
    sequence: Mutex<u64>,
    /// When idle sessions were last looked through.
    /// Nothing of a user runs under it.
    looked: Mutex<Instant>,
    /// Notified when a permit was given back.
    pub(super) returned: Notify,
    /// What closed sessions had opened and nobody has verified.
    /// Nothing of a user runs under it. The lock of the owners is taken under it.
    unverified: Mutex<Vec<Connection>>,
    pub(super) observers: Observers,
}

impl PoolCounts {
    pub(super) fn new(max_size: usize, observers: Observers) -> Self {
        Self {
            id: PoolId::next(),
            max_size,
            used: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
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

    /// How many sessions were closed so far.
    pub(super) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Acquire)
    }

    /// Notes that a session was closed, and what of its sockets has to be verified.
    pub(super) fn note_closed(&self, connections: Vec<Connection>) {
        self.closed.fetch_add(1, Ordering::AcqRel);
        let mut unverified = self.unverified.lock();
        unverified.extend(connections);
        if unverified.len() >= FEWEST_TO_PRUNE
            && let Some(held) = kernel::still_held(&unverified)
        {
            for (addresses, id) in unverified.iter().filter(|known| !held.contains(known)) {
                kernel::release(*addresses, *id);
            }
            *unverified = held;
        }
    }

    pub(super) fn take_unverified(&self) -> Vec<Connection> {
        std::mem::take(&mut *self.unverified.lock())
    }

    pub(super) fn put_unverified(&self, connections: Vec<Connection>) {
        self.unverified.lock().extend(connections);
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
        for (addresses, id) in self.take_unverified() {
            kernel::release(addresses, id);
        }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::facts::AddressPair;
    use crate::identity::ConnectionId;

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

    #[allow(clippy::unwrap_used, reason = "a part of tests")]
    /// A connection of ours, and its socket.
    fn opened() -> (Connection, (TcpStream, TcpListener)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let remote = listener.local_addr().unwrap();
        let socket = TcpStream::connect(remote).unwrap();
        let local = socket.local_addr().unwrap();
        let connection = (AddressPair { local, remote }, ConnectionId::next());
        kernel::claim(connection.0, connection.1);
        (connection, (socket, listener))
    }

    /// One whose socket is gone.
    fn gone(port: u16) -> Connection {
        let address = |port| ([127, 0, 0, 1], port).into();
        let (local, remote) = (address(port), address(1));
        (AddressPair { local, remote }, ConnectionId::next())
    }

    #[test]
    fn closed_sockets_are_forgotten_when_there_are_too_many_and_open_ones_are_not() {
        let counts = PoolCounts::new(1, Observers::default());
        let (held, _socket) = opened();
        counts.note_closed((1..).map(gone).take(FEWEST_TO_PRUNE - 2).collect());
        counts.note_closed(vec![held]);
        assert_eq!(counts.unverified.lock().len(), FEWEST_TO_PRUNE - 1);
        counts.note_closed(vec![gone(u16::MAX)]);
        assert_eq!(*counts.unverified.lock(), [held]);
        assert_eq!(kernel::still_held(&[held]), Some(vec![held]), "still ours");
    }

    #[test]
    fn a_pool_that_is_dropped_answers_for_no_socket_any_more() {
        let (connection, _socket) = opened();
        let counts = PoolCounts::new(1, Observers::default());
        counts.note_closed(vec![connection]);
        assert_eq!(kernel::still_held(&[connection]), Some(vec![connection]));
        drop(counts);
        assert_eq!(kernel::still_held(&[connection]), Some(vec![]));
    }
}
