//! The connection ledger: every connection from its open to its close.
//!
//! `reqwest` shows neither who uses a connection nor when it closes. So the ledger is kept from
//! what can be seen: connections being made ([`Observer::connection_opened`]), the addresses that
//! come with each response, and the operating system, which tells of sockets that are gone
//! ([`ConnectionCloses`]).
//!
//! [`Observer::connection_opened`]: http_context::Observer::connection_opened

mod books;
mod closes;
mod connection;
#[cfg(target_os = "linux")]
mod kernel;
mod reason;
mod record;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use http_context::{AddressPair, ConnectionId, ConnectionInfo, SessionId};
use tokio::time::Instant;

pub(crate) use self::books::Books;
pub use self::closes::{CloseEvent, ConnectionCloses, NoCloses, TellClose};
pub(crate) use self::connection::{Connection, Use};
#[cfg(target_os = "linux")]
pub use self::kernel::KernelCloses;
pub use self::reason::CloseReason;
pub use self::record::{ConnectionRecord, ConnectionState};
use crate::server::Server;

/// How many closed connections are remembered.
const REMEMBERED: usize = 256;

/// So soon after a pool has closed a session its connections are closed.
const POOL_CLOSES_WITHIN: Duration = Duration::from_secs(1);

/// The connections of every session that is observed.
#[derive(Debug)]
pub struct Ledger {
    /// Whether closes are told; where they are not, a session's end is taken for it.
    sees_closes: AtomicBool,
    closes: Arc<dyn ConnectionCloses>,
    open: Mutex<Open>,
    closed: Mutex<VecDeque<ConnectionRecord>>,
}

#[derive(Debug, Default)]
struct Open {
    by_session: HashMap<SessionId, Session>,
    by_addresses: HashMap<AddressPair, Entry>,
    /// When a pool last closed what it had kept of a session.
    pool_closed: Option<Instant>,
}

#[derive(Debug, Default)]
struct Session {
    connections: HashMap<ConnectionId, Arc<Connection>>,
    is_closed: bool,
    /// Its connections live on in a pool, for other sessions.
    is_pooled: bool,
}

#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    /// The port came back before the close of the one before was told: that many are to come.
    closes_of_others: u32,
}

impl Ledger {
    pub(crate) fn start(closes: Arc<dyn ConnectionCloses>) -> Arc<Self> {
        let ledger = Arc::new(Self {
            sees_closes: AtomicBool::new(false),
            closes,
            open: Mutex::default(),
            closed: Mutex::default(),
        });
        let told = Arc::downgrade(&ledger);
        let sees_closes = ledger
            .closes
            .start(Box::new(move |event| match told.upgrade() {
                Some(ledger) => ControlFlow::Continue(ledger.note(event)),
                None => ControlFlow::Break(()),
            }));
        ledger.sees_closes.store(sees_closes, Ordering::Relaxed);
        ledger
    }

    /// The connections that are open, in the order they were opened.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        let connections: Vec<Arc<Connection>> = self.live(|_| true);
        let mut records: Vec<_> = connections.iter().map(|c| c.record(None)).collect();
        records.sort_by_key(|record| record.id);
        records
    }

    /// The connections that closed last, the latest first; a few hundred at most.
    pub fn recently_closed(&self) -> Vec<ConnectionRecord> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.iter().rev().cloned().collect()
    }

    /// Whether the operating system tells when a connection closes. Where it does not, the reason
    /// of every close is `unknown`, and its time is the end of the session.
    pub fn sees_closes(&self) -> bool {
        self.sees_closes.load(Ordering::Relaxed)
    }

    pub(crate) fn opened(
        &self,
        info: &ConnectionInfo,
        server: &Arc<Server>,
        keep_alive: Duration,
        opened_for: Use,
    ) -> Arc<Connection> {
        let connection = Arc::new(Connection::new(info, server, keep_alive, opened_for));
        let mut open = self.lock();
        open.by_session
            .entry(info.session)
            .or_default()
            .connections
            .insert(info.id, Arc::clone(&connection));
        let replaced = info.addresses.and_then(|addresses| {
            let entry = Entry {
                connection: Arc::clone(&connection),
                closes_of_others: 0,
            };
            let replaced = open.by_addresses.insert(canonical(addresses), entry)?;
            if let Some(entry) = open.by_addresses.get_mut(&canonical(addresses)) {
                entry.closes_of_others = replaced.closes_of_others + 1;
            }
            Some(replaced.connection)
        });
        drop(open);
        connection.note_opened();
        if let Some(replaced) = replaced {
            self.forget(&replaced);
            self.close(&replaced, false);
        }
        connection
    }

    /// The session admits no more requests: what closes from here on closes for that.
    /// With a pool they may live on.
    pub(crate) fn session_closed(&self, session: SessionId, is_pooled: bool) {
        let mut open = self.lock();
        let Some(known) = open.by_session.get_mut(&session) else {
            return;
        };
        known.is_pooled = is_pooled;
        known.is_closed = !is_pooled;
        drop(open);
        if is_pooled {
            return;
        }
        if self.sees_closes() {
            self.closes.check_soon();
        } else {
            self.sweep();
        }
    }

    /// A pool has closed what it had kept of some session: the pooled connections that close now
    /// close for that.
    pub(crate) fn pooled_session_closed(&self) {
        self.lock().pool_closed = Some(Instant::now());
    }

    /// An exit has ended. Where closes are not told, what a closed session has left is taken for
    /// closed.
    pub(crate) fn exited(&self) {
        if !self.sees_closes() {
            self.sweep();
        }
    }

    fn sweep(&self) {
        let left: Vec<Arc<Connection>> = self
            .lock()
            .by_session
            .values()
            .filter(|session| session.is_closed)
            .flat_map(|session| session.connections.values())
            .filter(|connection| !connection.is_busy())
            .cloned()
            .collect();
        for connection in left {
            self.forget(&connection);
            self.close(&connection, true);
        }
    }

    /// Says whether a comparison with the process's sockets is due again soon.
    fn note(&self, event: CloseEvent) -> bool {
        match event {
            CloseEvent::Closed(addresses) => {
                if let Some(connection) = self.take(canonical(addresses)) {
                    self.forget(&connection);
                    self.close(&connection, false);
                }
                false
            }
            CloseEvent::Compare => self.compare(),
        }
    }

    fn take(&self, addresses: AddressPair) -> Option<Arc<Connection>> {
        let mut open = self.lock();
        let entry = open.by_addresses.get_mut(&addresses)?;
        if entry.closes_of_others > 0 {
            entry.closes_of_others -= 1;
            return None;
        }
        open.by_addresses
            .remove(&addresses)
            .map(|entry| entry.connection)
    }

    /// Holds the ledger against the descriptors of this process.
    fn compare(&self) -> bool {
        // Listed before they are looked up: one that is opened in between is not missed.
        let listed = self.live(|connection| connection.addresses.is_some());
        if listed.is_empty() {
            return false;
        }
        let asked: Vec<_> = listed
            .iter()
            .filter_map(|connection| Some((canonical(connection.addresses?), connection.id)))
            .collect();
        let Some(held) = http_context::held_connections(&asked) else {
            return false;
        };
        let held: HashSet<ConnectionId> = held.into_iter().map(|(_, id)| id).collect();
        for connection in listed.iter().filter(|c| !held.contains(&c.id)) {
            self.forget(connection);
            self.close(connection, false);
        }
        self.lock()
            .by_session
            .values()
            .any(|session| session.is_closed)
    }

    fn close(&self, connection: &Arc<Connection>, unseen: bool) {
        let session_is_closed = {
            let mut open = self.lock();
            let Some(session) = open.by_session.get_mut(&connection.session) else {
                return;
            };
            // Whoever takes it out closes it.
            if session.connections.remove(&connection.id).is_none() {
                return;
            }
            let (mut is_closed, is_pooled) = (session.is_closed, session.is_pooled);
            if session.connections.is_empty() {
                open.by_session.remove(&connection.session);
            }
            if is_pooled {
                let closed = open.pool_closed;
                is_closed = closed.is_some_and(|at| at.elapsed() < POOL_CLOSES_WITHIN);
            }
            is_closed
        };
        let reason = if unseen {
            CloseReason::Unknown
        } else {
            connection.close_reason(session_is_closed)
        };
        connection.closed(reason, |record| {
            let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            if closed.len() == REMEMBERED {
                closed.pop_front();
            }
            closed.push_back(record);
        });
    }

    /// Takes it from the addresses, unless another one has them by now.
    fn forget(&self, connection: &Arc<Connection>) {
        let Some(addresses) = connection.addresses.map(canonical) else {
            return;
        };
        let mut open = self.lock();
        if let Some(entry) = open.by_addresses.get(&addresses)
            && Arc::ptr_eq(&entry.connection, connection)
        {
            open.by_addresses.remove(&addresses);
        }
    }

    fn live(&self, which: impl Fn(&Connection) -> bool) -> Vec<Arc<Connection>> {
        self.lock()
            .by_session
            .values()
            .flat_map(|session| session.connections.values())
            .filter(|connection| which(connection))
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A dual-stack socket may show an IPv4 peer in the mapped form.
fn canonical(addresses: AddressPair) -> AddressPair {
    let one = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    AddressPair {
        local: one(addresses.local),
        remote: one(addresses.remote),
    }
}
