//! Which connection of a session a pair of addresses stands for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use hashbrown::{HashMap, HashSet};
use hyper_util::client::legacy::connect::HttpInfo;
use parking_lot::Mutex;
use reqwest::Response;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::kernel::{self, Connection};
use crate::facts::{AddressPair, ConnectionInfo, ConnectionUse};
use crate::wait_until::wait_until;

/// The connections that one session opened, by their addresses, and those that it is making.
#[derive(Debug, Default)]
pub(crate) struct ConnectionTable {
    /// Nothing of a user runs under it. The lock of the owners is taken under it.
    connections: Mutex<Connections>,
    /// Notified when the session is closed: connections that are being made are given up.
    closing: Arc<Notify>,
    /// Notified when the last of them is gone after that.
    given_up: Notify,
}

#[derive(Debug, Default)]
struct Connections {
    by_addresses: HashMap<AddressPair, Entry>,
    /// How many are being made.
    connecting: usize,
    is_closed: bool,
    /// At this many entries those whose socket is gone are forgotten.
    prune_at: usize,
}

/// An ephemeral port comes back once its connection is gone: the entry is then replaced, and the
/// id tells the two apart.
#[derive(Debug)]
struct Entry {
    info: Arc<ConnectionInfo>,
    has_carried: bool,
    /// Whether another has taken it, to release it.
    is_taken: bool,
}

impl Entry {
    fn new(info: &Arc<ConnectionInfo>) -> Self {
        Self {
            info: Arc::clone(info),
            has_carried: false,
            is_taken: false,
        }
    }

    /// Who opened the connection last is not known from here on, unless it was taken.
    fn forget(self, addresses: AddressPair) {
        if !self.is_taken {
            kernel::release(addresses, self.info.id);
        }
    }
}

/// How a response came.
#[derive(Clone, Debug)]
pub(crate) struct ResponseConnection {
    pub(crate) connection_use: ConnectionUse,
    pub(crate) info: Option<Arc<ConnectionInfo>>,
    pub(crate) addresses: Option<AddressPair>,
}

const FEWEST_TO_PRUNE: usize = 1024;

impl ConnectionTable {
    fn opened(&self, info: &Arc<ConnectionInfo>) {
        let Some(addresses) = info.addresses else {
            return;
        };
        kernel::claim(addresses, info.id);
        self.connections
            .lock()
            .insert(addresses, Entry::new(info), kernel::still_held);
    }

    /// Begins to make a connection.
    pub(super) fn connect(self: &Arc<Self>) -> Connect {
        // Listens before it looks, so that a close in between is heard.
        let closing = Arc::clone(&self.closing).notified_owned();
        let mut connections = self.connections.lock();
        connections.connecting += 1;
        Connect {
            closing: Box::pin(closing),
            is_closed: connections.is_closed,
            table: Arc::clone(self),
        }
    }

    /// Makes no connection any more, and gives up those that are being made: where a request was
    /// served by another one, `reqwest` goes on with its own in a task that nobody waits for, and
    /// which keeps all of the client alive. Returns whether it was open: who closes it answers for its
    /// connections.
    pub(crate) fn close(&self) -> bool {
        let was_closed = std::mem::replace(&mut self.connections.lock().is_closed, true);
        self.closing.notify_waiters();
        !was_closed
    }

    /// Waits until those that were being made when it was closed are given up.
    pub(crate) async fn wait_until_given_up(&self) {
        wait_until(&self.given_up, || self.connections.lock().connecting == 0).await;
    }

    /// Whether any was opened that nobody has taken, or is being made.
    pub(crate) fn has_any(&self) -> bool {
        let connections = self.connections.lock();
        let mut entries = connections.by_addresses.values();
        connections.connecting > 0 || entries.any(|entry| !entry.is_taken)
    }

    /// Finds the connection that a response came over, and notes that it has carried one.
    pub(crate) fn carried(&self, response: &Response) -> ResponseConnection {
        let unknown = |addresses| ResponseConnection {
            connection_use: ConnectionUse::Unknown,
            info: None,
            addresses,
        };
        let Some(info) = response.extensions().get::<HttpInfo>() else {
            return unknown(None);
        };
        let addresses = AddressPair {
            local: info.local_addr(),
            remote: info.remote_addr(),
        };
        let mut connections = self.connections.lock();
        let Some(entry) = connections.by_addresses.get_mut(&addresses) else {
            return unknown(Some(addresses));
        };
        let had_carried = std::mem::replace(&mut entry.has_carried, true);
        ResponseConnection {
            connection_use: if had_carried {
                ConnectionUse::Reused
            } else {
                ConnectionUse::New
            },
            info: Some(Arc::clone(&entry.info)),
            addresses: Some(addresses),
        }
    }

    /// Takes every connection that was opened and neither taken nor forgotten since. Who takes them
    /// has to [`release`](kernel::release) them. They stay known to what they carry meanwhile.
    pub(crate) fn take(&self) -> Vec<Connection> {
        self.connections
            .lock()
            .by_addresses
            .iter_mut()
            .filter_map(|(pair, entry)| {
                let was_taken = std::mem::replace(&mut entry.is_taken, true);
                (!was_taken).then_some((*pair, entry.info.id))
            })
            .collect()
    }
}

/// A connection that is being made, until this is dropped.
pub(super) struct Connect {
    closing: Pin<Box<OwnedNotified>>,
    is_closed: bool,
    table: Arc<ConnectionTable>,
}

impl Connect {
    /// Whether it is to be given up. Otherwise the task is woken when it is.
    pub(super) fn is_given_up(&mut self, cx: &mut Context<'_>) -> bool {
        self.is_closed || self.closing.as_mut().poll(cx).is_ready()
    }

    pub(super) fn opened(&self, info: &Arc<ConnectionInfo>) {
        self.table.opened(info);
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let mut connections = self.table.connections.lock();
        connections.connecting -= 1;
        if connections.connecting == 0 {
            self.table.given_up.notify_waiters();
        }
    }
}

impl Connections {
    fn insert(
        &mut self,
        addresses: AddressPair,
        entry: Entry,
        still_held: impl FnOnce(&[Connection]) -> Option<Vec<Connection>>,
    ) {
        if self.by_addresses.len() >= FEWEST_TO_PRUNE.max(self.prune_at) {
            self.forget_closed(still_held);
        }
        self.by_addresses.insert(addresses, entry);
    }

    fn forget_closed(&mut self, still_held: impl FnOnce(&[Connection]) -> Option<Vec<Connection>>) {
        let all: Vec<_> = self
            .by_addresses
            .iter()
            .map(|(pair, entry)| (*pair, entry.info.id))
            .collect();
        if let Some(held) = still_held(&all) {
            let held: HashSet<_> = held.into_iter().collect();
            for (pair, id) in all {
                if !held.contains(&(pair, id))
                    && let Some(closed) = self.by_addresses.remove(&pair)
                {
                    closed.forget(pair);
                }
            }
        }
        self.prune_at = self.by_addresses.len() * 2;
    }
}

impl Drop for ConnectionTable {
    fn drop(&mut self) {
        let connections = self.connections.get_mut();
        for (pair, entry) in connections.by_addresses.drain() {
            entry.forget(pair);
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::identity::{Attached, ConnectionId, OriginKey, SessionId};

    fn info(local: SocketAddr, remote: SocketAddr) -> Arc<ConnectionInfo> {
        let url = reqwest::Url::parse("http://h/").unwrap();
        Arc::new(ConnectionInfo {
            id: ConnectionId::next(),
            session: SessionId::next(),
            origin: Arc::new(OriginKey::of(&url).to_origin()),
            addresses: Some(AddressPair { local, remote }),
            is_http2: false,
            create_duration: Duration::ZERO,
            attached: Attached::default(),
        })
    }

    /// A connection without a socket.
    fn closed(port: u16) -> Arc<ConnectionInfo> {
        let at = |port| SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), port));
        info(at(port), at(0))
    }

    /// A connection whose socket is open, and its two ends.
    fn open() -> (Arc<ConnectionInfo>, [TcpStream; 2]) {
        let (socket, (pair, _), peer) = kernel::tests::socket("127.0.0.1:0");
        (info(pair.local, pair.remote), [socket, peer])
    }

    #[test]
    fn of_very_many_connections_those_are_forgotten_that_are_closed() {
        let (table, (held, _sockets)) = (ConnectionTable::default(), open());
        table.opened(&held);
        let ports = 1..u16::try_from(FEWEST_TO_PRUNE).unwrap();
        ports.for_each(|port| table.opened(&closed(port)));
        assert_eq!(table.connections.lock().by_addresses.len(), FEWEST_TO_PRUNE);
        let last = closed(0);
        table.opened(&last);
        let mut left: Vec<_> = table.take().into_iter().map(|(_, id)| id).collect();
        left.sort_unstable();
        assert_eq!(left, [held.id, last.id]);
    }

    #[test]
    fn the_more_are_open_the_more_have_to_come_before_they_are_looked_at_again() {
        let (mut connections, mut looked_at) = (Connections::default(), Vec::new());
        for port in 0..2500 {
            let (info, known) = (closed(port), connections.by_addresses.len());
            connections.insert(info.addresses.unwrap(), Entry::new(&info), |all| {
                looked_at.push(known);
                Some(all.to_vec())
            });
        }
        assert_eq!(looked_at, [1024, 2048]);
    }

    fn is_given_up(connect: &mut Connect) -> bool {
        connect.is_given_up(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn who_closes_it_first_answers_for_what_it_has() {
        let table = Arc::new(ConnectionTable::default());
        assert!(!table.has_any());
        assert!(table.close());
        assert!(!table.close());
        assert!(!table.has_any());
        let (opened, _sockets) = open();
        table.opened(&opened);
        assert!(table.has_any());
        table.take();
        assert!(!table.has_any());
    }

    #[tokio::test]
    async fn what_is_being_made_is_given_up_at_the_close_and_waited_for() {
        let table = Arc::new(ConnectionTable::default());
        let mut connects = [table.connect(), table.connect()];
        assert!(table.has_any());
        assert!(!connects.iter_mut().any(is_given_up));
        table.close();
        assert!(connects.iter_mut().all(is_given_up));
        assert!(is_given_up(&mut table.connect()), "that comes later");
        let [first, last] = connects;
        drop(first);
        let mut given_up = std::pin::pin!(table.wait_until_given_up());
        let is_over = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(given_up.as_mut().poll(cx).is_ready())
        });
        assert!(!is_over.await);
        drop(last);
        given_up.await;
        assert!(!table.has_any());
    }

    #[test]
    fn what_was_taken_is_released_by_who_took_it() {
        let (table, (held, _sockets)) = (ConnectionTable::default(), open());
        table.opened(&held);
        let taken = table.take();
        assert_eq!(taken, [(held.addresses.unwrap(), held.id)]);
        assert_eq!(table.take(), [], "once");
        drop(table);
        assert_eq!(kernel::still_held(&taken), Some(taken));
    }

    #[test]
    fn a_table_that_is_dropped_claims_no_addresses() {
        let (table, (held, _sockets)) = (ConnectionTable::default(), open());
        table.opened(&held);
        let connection = (held.addresses.unwrap(), held.id);
        assert_eq!(kernel::still_held(&[connection]), Some(vec![connection]));
        drop(table);
        assert_eq!(kernel::still_held(&[connection]), Some(vec![]));
    }
}
