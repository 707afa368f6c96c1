//! Every connection of this process, by its two addresses.
//!
//! This is the one place that knows connections by address: who opened a pair of addresses last (a
//! port that was closed may come back in another session at once), which connection a response came
//! over, and which one the operating system reports as closed.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry as MapEntry;
use tokio::time::Instant;

use super::closes::{ClosedSocket, SocketEnd};
use super::connection::{Connection, Gone, SocketGone};
use super::kernel::{self, Closing};
use super::traffic::Traffic;
use crate::facts::AddressPair;
use crate::identity::ConnectionId;
use crate::sync::{Mutex, lazy};
use crate::watch::{Watched, watch};

const SHARDS: usize = 16;

/// Each lock is taken under no other, but for those of a session's connections, and nothing of a
/// user runs under it.
pub(crate) struct Registry {
    shards: [Mutex<HashMap<AddressPair, Entry>>; SHARDS],
    /// Gone, and not reported so far: a response of them may still come to its caller. Nothing of a
    /// user runs under it.
    waiting: Mutex<Vec<Arc<Connection>>>,
}

struct Entry {
    connection: Arc<Connection>,
    /// The port came back before the close of the connection before was announced: so many
    /// announcements are to come that are not of this one.
    closes_of_others: u32,
    /// Its socket is gone, and it waits to be reported, or to be released by its session.
    is_gone: bool,
}

lazy! {
    pub(crate) static REGISTRY: Registry = Registry::new();
}

impl Registry {
    fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            waiting: Mutex::default(),
        }
    }

    fn shard(&self, addresses: &AddressPair) -> &Mutex<HashMap<AddressPair, Entry>> {
        &self.shards[usize::from(addresses.local.port()) % SHARDS]
    }

    /// Enters one. Another one with the same addresses is closed: it is returned. `is_announced`
    /// says that the close of that one is to be announced, if it was not so far.
    pub(super) fn insert(
        &self,
        connection: &Arc<Connection>,
        is_announced: bool,
    ) -> Option<Arc<Connection>> {
        let addresses = connection.info.addresses?.canonical();
        let mut entries = self.shard(&addresses).lock();
        match entries.entry(addresses) {
            MapEntry::Occupied(mut known) => {
                let entry = known.get_mut();
                let is_announced = is_announced && entry.connection.is_shown();
                entry.closes_of_others += u32::from(is_announced && !entry.is_gone);
                entry.is_gone = false;
                Some(std::mem::replace(
                    &mut entry.connection,
                    Arc::clone(connection),
                ))
            }
            MapEntry::Vacant(free) => {
                free.insert(Entry {
                    connection: Arc::clone(connection),
                    closes_of_others: 0,
                    is_gone: false,
                });
                None
            }
        }
    }

    pub(super) fn find(&self, addresses: AddressPair) -> Option<Arc<Connection>> {
        let addresses = addresses.canonical();
        let entries = self.shard(&addresses).lock();
        entries
            .get(&addresses)
            .map(|entry| Arc::clone(&entry.connection))
    }

    /// Whether this connection is the last one that was opened with its addresses, and is not known
    /// to be closed.
    pub(super) fn has(&self, connection: &Connection) -> bool {
        let Some(addresses) = connection.info.addresses.map(AddressPair::canonical) else {
            return false;
        };
        let entries = self.shard(&addresses).lock();
        entries
            .get(&addresses)
            .is_some_and(|entry| !entry.is_gone && entry.connection.info.id == connection.info.id)
    }

    /// Forgets it, unless another one has its addresses by now.
    pub(super) fn remove(&self, connection: &Connection) {
        let Some(addresses) = connection.info.addresses.map(AddressPair::canonical) else {
            return;
        };
        let mut entries = self.shard(&addresses).lock();
        if let MapEntry::Occupied(known) = entries.entry(addresses)
            && known.get().connection.info.id == connection.info.id
        {
            let removed = known.remove();
            give_back(&mut entries);
            drop(entries);
            drop(removed);
        }
    }

    /// The connection whose close was announced.
    fn announced(&self, addresses: AddressPair) -> Option<Arc<Connection>> {
        let addresses = addresses.canonical();
        let mut entries = self.shard(&addresses).lock();
        let entry = entries.get_mut(&addresses)?;
        if entry.closes_of_others > 0 {
            entry.closes_of_others -= 1;
            return None;
        }
        // Marked at once: another one may get its addresses before it is dealt with, and would else wait
        // for this announcement once more.
        let was_gone = std::mem::replace(&mut entry.is_gone, true);
        (!was_gone).then(|| Arc::clone(&entry.connection))
    }

    /// The operating system says that the socket with these addresses is gone.
    pub(super) fn closed(&self, socket: &ClosedSocket) {
        if let Some(connection) = self.announced(socket.addresses) {
            let now = Instant::now();
            let gone = SocketGone {
                end: end_of(socket),
                at: now.checked_sub(socket.ago).unwrap_or(now),
                counters: socket.counters,
            };
            self.gone(&connection, &gone);
        }
    }

    /// The socket of this connection is gone.
    pub(super) fn gone(&self, connection: &Arc<Connection>, gone: &SocketGone) {
        if !connection.is_observed() {
            // Its session releases it; until then it can be found by its response.
            self.mark_gone(connection);
            return;
        }
        if !connection.is_seen() {
            connection.unseen();
            self.remove(connection);
            return;
        }
        match connection.gone(gone) {
            Gone::Reported => self.remove(connection),
            Gone::MayBeAnswered => self.wait(connection),
            Gone::Before => {}
        }
    }

    /// Keeps one that is gone until no response of it can come any more.
    fn wait(&self, connection: &Arc<Connection>) {
        self.mark_gone(connection);
        self.waiting.lock().push(Arc::clone(connection));
        // Looked at again, since what it waits for may have come before it was there to be found.
        if connection.is_awaited() {
            let look = LongestWait(connection.info.id);
            watch(Instant::now() + LONGEST_WAIT, Box::new(look));
        } else {
            self.end_wait(connection);
        }
    }

    fn mark_gone(&self, connection: &Connection) {
        if let Some(addresses) = connection.info.addresses.map(AddressPair::canonical)
            && let Some(entry) = self.shard(&addresses).lock().get_mut(&addresses)
            && entry.connection.info.id == connection.info.id
        {
            entry.is_gone = true;
        }
    }

    /// No request of this session waits for its head any more: what was gone is reported, but for
    /// what has a response whose body is still read.
    pub(super) fn report_waiting(&self, traffic: &Arc<Traffic>) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        let is_over =
            |one: &mut Arc<Connection>| Arc::ptr_eq(&one.traffic, traffic) && !one.has_responses();
        let over: Vec<_> = waiting.extract_if(.., is_over).collect();
        drop(waiting);
        for connection in over {
            self.remove(&connection);
            connection.report_end();
        }
    }

    /// Reports the end of one that is gone, whether or not it waits.
    pub(super) fn end_wait(&self, connection: &Arc<Connection>) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|one| !Arc::ptr_eq(one, connection));
        drop(waiting);
        self.remove(connection);
        connection.report_end();
    }

    /// All that are not known to be gone, or wait to be reported.
    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        let connections = |shard: &Mutex<HashMap<AddressPair, Entry>>| -> Vec<_> {
            let entries = shard.lock();
            entries
                .values()
                .filter(|entry| !entry.is_gone || entry.connection.is_observed())
                .map(|entry| Arc::clone(&entry.connection))
                .collect()
        };
        self.shards.iter().flat_map(connections).collect()
    }
}

/// A shard keeps room for so many connections.
const KEPT: usize = 64;

/// Gives back what a shard has not used for long: it was made for a moment in which many connections
/// were open, or waited to be announced as closed.
fn give_back(entries: &mut HashMap<AddressPair, Entry>) {
    if entries.capacity() > KEPT && entries.len() < entries.capacity() / 8 {
        entries.shrink_to(KEPT);
    }
}

/// A connection that is gone is reported after this time at the latest, whatever may still come of it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// By number, since most are reported long before, and are not to be kept for this.
struct LongestWait(ConnectionId);

impl LongestWait {
    fn connection(&self) -> Option<Arc<Connection>> {
        let waiting = REGISTRY.waiting.lock();
        let connection = waiting.iter().find(|one| one.info.id == self.0);
        connection.cloned()
    }
}

impl Watched for LongestWait {
    fn look(&mut self) -> Option<Instant> {
        if let Some(connection) = self.connection() {
            REGISTRY.end_wait(&connection);
        }
        None
    }

    fn is_over(&self) -> bool {
        self.connection().is_none()
    }
}

/// Who closed a socket first whose close was announced. Asked for at once, since the other end may
/// make the kernel forget it, and only of sockets of sessions.
fn end_of(socket: &ClosedSocket) -> SocketEnd {
    if socket.end != SocketEnd::Unknown || socket.counters.is_none() {
        return socket.end;
    }
    match kernel::closings(&[socket.addresses]).as_deref() {
        Some([Closing::By(end)]) => *end,
        _ => SocketEnd::Unknown,
    }
}

#[cfg(all(test, http_context_loom))]
mod models;
#[cfg(test)]
mod tests;
