//! What a pool counts, and the sockets of sessions that it closed.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;
use super::status::PoolStatus;
use crate::id::PoolId;
use crate::observer::{self, Observer};
use crate::sockets::{self, Connection};

/// At this many connections of closed sessions those whose socket is gone are forgotten.
const FEWEST_TO_PRUNE: usize = 1024;

pub(super) struct Ledger {
    id: PoolId,
    max_size: usize,
    used: AtomicUsize,
    idle: AtomicUsize,
    waiting: AtomicUsize,
    is_closed: AtomicBool,
    closed: AtomicU64,
    /// How often the counts were taken.
    sequence: Mutex<u64>,
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
            is_closed: AtomicBool::new(false),
            closed: AtomicU64::new(0),
            sequence: Mutex::default(),
            looked: Mutex::new(Instant::now()),
            returned: Notify::new(),
            unverified: Mutex::default(),
            observer,
        }
    }

    pub(super) fn status(&self) -> PoolStatus {
        // Held while they are read, so that a later number stands for later counts.
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// From here on the pool is closed. Says whether it was open.
    pub(super) fn close(&self) -> bool {
        !self.is_closed.swap(true, Ordering::AcqRel)
    }

    pub(super) fn observer(&self) -> Option<&dyn Observer> {
        self.observer.as_deref()
    }

    /// Tells a fact with the counts as they are after it.
    pub(super) fn tell(&self, fact: impl FnOnce(&dyn Observer, &PoolStatus)) {
        if let Some(observer) = self.observer() {
            observer::tell(observer, |observer| fact(observer, &self.status()));
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
        if self.close() {
            // They went with the pool.
            self.idle.store(0, Ordering::Release);
            self.tell(Observer::pool_closed);
        }
        for (addresses, id) in self.take_unverified() {
            sockets::release(addresses, id);
        }
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
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::connection::AddressPair;
    use crate::id::ConnectionId;

    #[tokio::test(start_paused = true)]
    async fn expired_sessions_are_looked_for_eight_times_in_the_time_that_one_takes_to_expire() {
        let limits = Limits {
            max_size: 1,
            idle_timeout: Duration::from_secs(80),
            max_lifetime: Duration::from_secs(800),
            wait_timeout: Duration::ZERO,
        };
        let ledger = Ledger::new(1, None);
        let pause = Duration::from_secs(10);
        tokio::time::advance(pause).await;
        assert!(!ledger.may_have_expired(&limits), "none is idle");
        ledger.became_idle();
        for _ in 0..2 {
            assert!(ledger.may_have_expired(&limits));
            assert!(!ledger.may_have_expired(&limits));
            tokio::time::advance(pause / 2).await;
            assert!(!ledger.may_have_expired(&limits));
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
        sockets::claim(connection.0, connection.1);
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
        let ledger = Ledger::new(1, None);
        let (held, _socket) = opened();
        ledger.note_closed((1..).map(gone).take(FEWEST_TO_PRUNE - 2).collect());
        ledger.note_closed(vec![held]);
        assert_eq!(ledger.lock_unverified().len(), FEWEST_TO_PRUNE - 1);
        ledger.note_closed(vec![gone(u16::MAX)]);
        assert_eq!(*ledger.lock_unverified(), [held]);
        assert_eq!(sockets::still_held(&[held]), Some(vec![held]), "still ours");
    }

    #[test]
    fn a_pool_that_is_dropped_answers_for_no_socket_any_more() {
        let (connection, _socket) = opened();
        let ledger = Ledger::new(1, None);
        ledger.note_closed(vec![connection]);
        assert_eq!(sockets::still_held(&[connection]), Some(vec![connection]));
        drop(ledger);
        assert_eq!(sockets::still_held(&[connection]), Some(vec![]));
    }
}
