//! The connections that one session has opened, and those that it is making.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Context;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use reqwest::Response;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::awaits_head::AwaitsHead;
use super::closes::SocketEnd;
use super::connection::{Connection, SocketGone};
use super::kernel::{self, Sight, SocketState};
use super::ownership::{release, still_held};
use super::registry::REGISTRY;
use super::response_connection::{ResponseConnection, closes_after};
use super::source;
use super::traffic::Traffic;
use crate::facts::{AddressPair, ConnectionInfo};
use crate::identity::ConnectionId;
use crate::observer::Observers;
use crate::sync::Notify;
use crate::wait_until::wait_until;

/// The connections of one session, from its first to its exit or that of its pool.
pub(crate) struct SessionConnections {
    keep_alive: Duration,
    /// Whether their sockets are cut off if they are held for too long after the session.
    cuts_sockets: bool,
    /// Made at the first request.
    traffic: OnceLock<Arc<Traffic>>,
    /// The connection that carried a response last, which is likely to carry the next one too.
    /// Nothing of a user runs under it. The locks of the registry are taken under it.
    last: Mutex<Option<Arc<Connection>>>,
    /// Nothing of a user runs under it. The locks of the registry are taken under it.
    connections: Mutex<Connections>,
    /// Notified when the session is closed: connections that are being made are given up. Made for
    /// the first of them.
    closing: OnceLock<Arc<tokio::sync::Notify>>,
    /// Notified when the last of them is gone after that.
    given_up: Notify,
}

#[derive(Default)]
struct Connections {
    /// Those that nobody has taken, to see them closed.
    opened: HashMap<ConnectionId, Arc<Connection>>,
    /// How many are being made.
    connecting: usize,
    is_closed: bool,
    /// At this many those whose socket is gone are forgotten.
    prune_at: usize,
}

const FEWEST_TO_PRUNE: usize = 1024;

impl SessionConnections {
    pub(crate) fn new(keep_alive: Duration, cuts_sockets: bool) -> Self {
        Self {
            keep_alive,
            cuts_sockets,
            traffic: OnceLock::new(),
            last: Mutex::default(),
            connections: Mutex::default(),
            closing: OnceLock::new(),
            given_up: Notify::new(),
        }
    }

    fn made(&self, info: Arc<ConnectionInfo>, observers: &Observers) -> Arc<Connection> {
        // Asked before it is entered, so that its close is not missed.
        let is_seen =
            !observers.is_empty() && info.addresses.is_some() && source::sees_connection_closes();
        // Whoever asks for this has the socket open, so that it can be no other one.
        let asked = info.addresses.filter(|_| self.cuts_sockets || is_seen);
        let (mut sight, state) = asked.map_or((Sight::Unknown, None), kernel::sight);
        let is_seen = is_seen && sight != Sight::NotShown;
        if !self.cuts_sockets && sight != Sight::NotShown {
            // Without its number nothing can be done to it.
            sight = Sight::Unknown;
        }
        let (observers, traffic) = (observers.clone(), self.traffic());
        let made = Connection::new(info, observers, traffic, is_seen, sight);
        // The handshake of TLS says nothing of who closes it.
        made.note_state(state);
        Arc::new(made)
    }

    fn enter(&self, connection: &Arc<Connection>) {
        if let Some(replaced) = REGISTRY.insert(connection, source::announces_closes()) {
            // Its port came back, so it is closed.
            REGISTRY.gone(&replaced, &SocketGone::now(SocketEnd::Unknown));
        }
        // It may have the addresses of the last one.
        let _last = self.last.lock().take();
        let forgotten = self.connections.lock().insert(connection, still_held);
        // Without the lock, since observers may be notified of it.
        forgotten.iter().for_each(release);
    }

    fn traffic(&self) -> &Arc<Traffic> {
        self.traffic
            .get_or_init(|| Arc::new(Traffic::new(self.keep_alive)))
    }

    /// Begins to make a connection.
    pub(super) fn connect(self: &Arc<Self>) -> Connect {
        // Listens before it looks, so that a close in between is heard.
        let closing = Arc::clone(self.closing.get_or_init(Arc::default)).notified_owned();
        let mut connections = self.connections.lock();
        connections.connecting += 1;
        Connect {
            closing: Box::pin(closing),
            is_closed: connections.is_closed,
            session: Arc::clone(self),
        }
    }

    /// Makes no connection any more, and gives up those that are being made: where a request was
    /// served by another one, `reqwest` goes on with its own in a task that nobody waits for, and
    /// which keeps all of the client alive. Returns whether it was open: who closes it answers for
    /// its connections, and calls [`note_closed`](Self::note_closed) once no lock is held.
    pub(crate) fn close(&self) -> bool {
        let mut connections = self.connections.lock();
        if std::mem::replace(&mut connections.is_closed, true) {
            return false;
        }
        drop(connections);
        if let Some(traffic) = self.traffic.get() {
            traffic.close();
        }
        // Whoever makes it later sees that the session is closed.
        if let Some(closing) = self.closing.get() {
            closing.notify_waiters();
        }
        true
    }

    /// From here on the session is what closes its connections, but for those that the peer has
    /// closed before.
    pub(crate) fn note_closing(&self) {
        let observed = self.observed();
        if !observed.is_empty() {
            note_session_closed(&observed);
        }
    }

    /// It was closed, and with it those of its connections whose closes nobody sees. Observers are
    /// notified of these, and of what was announced so far of any session.
    pub(crate) fn note_closed(&self) {
        self.note_closing();
        let observed = self.observed();
        let unseen = observed.iter().filter(|c| !c.is_seen());
        unseen.for_each(Connection::unseen);
    }

    fn observed(&self) -> Vec<Arc<Connection>> {
        let connections = self.connections.lock();
        let observed = connections.opened.values().filter(|c| c.is_observed());
        observed.cloned().collect()
    }

    /// Waits until those that were being made when it was closed are given up.
    pub(crate) async fn wait_until_given_up(&self) {
        wait_until(&self.given_up, || self.connections.lock().connecting == 0).await;
    }

    /// Whether any was opened that nobody has taken, or is being made.
    pub(crate) fn has_any(&self) -> bool {
        let connections = self.connections.lock();
        connections.connecting > 0 || !connections.opened.is_empty()
    }

    /// A request is sent, whose connection is known with its head. Only for one that is observed.
    pub(crate) fn await_head(&self) -> AwaitsHead {
        AwaitsHead::new(self.traffic())
    }

    /// A request was cancelled whose connection is not known.
    pub(crate) fn note_cancelled(&self) {
        self.traffic().note_cancelled(Instant::now());
    }

    /// Finds the connection that a response came over, and notes that it has carried one.
    pub(crate) fn carried(&self, response: &Response, sent: Option<Instant>) -> ResponseConnection {
        let unknown = ResponseConnection::unknown(response);
        let Some(connection) = unknown.addresses.and_then(|pair| self.find(pair)) else {
            return unknown;
        };
        let (connection_use, idle) = connection.answered(response.version(), sent);
        ResponseConnection {
            connection_use,
            idle,
            closes: connection.is_observed() && closes_after(response),
            ends_elsewhere: false,
            connection: Some(connection),
            addresses: unknown.addresses,
        }
    }

    fn find(&self, addresses: AddressPair) -> Option<Arc<Connection>> {
        let mut last = self.last.lock();
        if let Some(last) = &*last
            && last.info.addresses == Some(addresses)
        {
            return Some(Arc::clone(last));
        }
        let found = REGISTRY.find(addresses)?;
        if !Arc::ptr_eq(&found.traffic, self.traffic()) {
            return None;
        }
        *last = Some(Arc::clone(&found));
        Some(found)
    }

    /// Enters a connection that nobody observes.
    #[cfg(all(test, target_os = "linux", not(http_context_no_kernel)))]
    pub(super) fn open_unobserved(&self, addresses: AddressPair) -> Arc<Connection> {
        let connection = Arc::new(Connection::new(
            super::sample::info(addresses),
            Observers::default(),
            self.traffic(),
            false,
            super::sample::sight(addresses),
        ));
        self.enter(&connection);
        connection
    }

    /// Forgets those connections of closed sessions whose sockets are gone: all are asked for at once.
    pub(super) fn forget_closed(sessions: &[Arc<Self>]) {
        let opened = |one: &Arc<Self>| -> Vec<_> {
            let connections = one.connections.lock();
            connections.opened.values().cloned().collect()
        };
        let all: Vec<_> = sessions.iter().flat_map(opened).collect();
        let (_, gone) = split_held(all, still_held);
        let ids: HashSet<_> = gone.iter().map(|one| one.info.id).collect();
        for session in sessions {
            let mut connections = session.connections.lock();
            connections.opened.retain(|id, _| !ids.contains(id));
        }
        // Without a lock, since observers may be notified of them.
        gone.iter().for_each(release);
    }

    /// Cuts off the sockets of all that were opened and not taken since, as far as that is wished and
    /// the system allows it. They stay with this session.
    ///
    /// Takes about a microsecond for each descriptor of the process.
    pub(crate) fn cut(&self) {
        let connections = self.connections.lock();
        let opened = connections.opened.values().filter(|one| one.can_be_cut());
        let opened: Vec<_> = opened.cloned().collect();
        drop(connections);
        let sockets: Vec<_> = opened.iter().filter_map(|one| one.socket()).collect();
        if !sockets.is_empty() {
            kernel::cut(&sockets, |at| REGISTRY.has(&opened[at]));
        }
    }

    /// Takes every connection that was opened and not taken or forgotten since. Who takes them has
    /// to [`release`] them. They stay known to what they carry meanwhile.
    pub(crate) fn take(&self) -> Vec<Arc<Connection>> {
        let _last = self.last.lock().take();
        let mut connections = self.connections.lock();
        connections
            .opened
            .drain()
            .map(|(_, connection)| connection)
            .collect()
    }
}

impl Drop for SessionConnections {
    fn drop(&mut self) {
        if self.connections.get_mut().opened.is_empty() {
            return;
        }
        if self.close() {
            self.note_closed();
        }
        for connection in self.take() {
            release(&connection);
        }
    }
}

/// Says of each why it closes now: the peer has closed it before, or the session does.
fn note_session_closed(connections: &[Arc<Connection>]) {
    source::flush();
    let now = Instant::now();
    let asked = connections.iter();
    let asked: Vec<_> = asked.filter(|c| c.socket().is_some()).collect();
    let sockets: Vec<_> = asked.iter().filter_map(|c| c.socket()).collect();
    let states = kernel::states(&sockets);
    for (at, connection) in asked.into_iter().enumerate() {
        match states.as_ref().map(|states| states[at]) {
            Some(closed @ SocketState::ClosedByPeer(_)) => connection.note_state(Some(closed)),
            // What closed it is known when its close is announced.
            Some(SocketState::Gone) if connection.is_seen() => {}
            Some(SocketState::Open(counters)) => connection.session_closed(now, counters),
            Some(SocketState::Gone) | None => connection.session_closed(now, None),
        }
    }
    source::check_soon();
}

/// A connection that is being made, until this is dropped.
pub(super) struct Connect {
    closing: Pin<Box<OwnedNotified>>,
    is_closed: bool,
    session: Arc<SessionConnections>,
}

impl Connect {
    /// Whether it is to be given up. Otherwise the task is woken when it is.
    pub(super) fn is_given_up(&mut self, cx: &mut Context<'_>) -> bool {
        self.is_closed || self.closing.as_mut().poll(cx).is_ready()
    }

    /// Whether its session has closed by now.
    pub(super) fn is_closed(&self) -> bool {
        self.session.connections.lock().is_closed
    }

    /// It was made. Nobody finds it before it is [entered](Self::enter).
    pub(super) fn made(&self, info: Arc<ConnectionInfo>, observers: &Observers) -> Arc<Connection> {
        self.session.made(info, observers)
    }

    /// Observers were notified that it is open: from here on it may close.
    pub(super) fn enter(&self, connection: &Arc<Connection>) {
        self.session.enter(connection);
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let mut connections = self.session.connections.lock();
        connections.connecting -= 1;
        if connections.connecting == 0 {
            self.session.given_up.notify_waiters();
        }
    }
}

impl Connections {
    /// Returns those that are forgotten for it, to be released.
    fn insert(
        &mut self,
        connection: &Arc<Connection>,
        still_held: impl FnOnce(&[Arc<Connection>]) -> Option<Vec<Arc<Connection>>>,
    ) -> Vec<Arc<Connection>> {
        let forgotten = if self.opened.len() >= FEWEST_TO_PRUNE.max(self.prune_at) {
            self.forget_closed(still_held)
        } else {
            Vec::new()
        };
        self.opened
            .insert(connection.info.id, Arc::clone(connection));
        forgotten
    }

    fn forget_closed(
        &mut self,
        still_held: impl FnOnce(&[Arc<Connection>]) -> Option<Vec<Arc<Connection>>>,
    ) -> Vec<Arc<Connection>> {
        let all = self.opened.values().cloned().collect();
        let (held, gone) = split_held(all, still_held);
        self.opened = held.into_iter().map(|c| (c.info.id, c)).collect();
        self.prune_at = self.opened.len() * 2;
        gone
    }
}

/// Those whose sockets this process holds, and those whose sockets are gone.
fn split_held(
    all: Vec<Arc<Connection>>,
    still_held: impl FnOnce(&[Arc<Connection>]) -> Option<Vec<Arc<Connection>>>,
) -> (Vec<Arc<Connection>>, Vec<Arc<Connection>>) {
    let held = still_held(&all);
    let held: Option<HashSet<_>> = held.map(|held| held.iter().map(|one| one.info.id).collect());
    let now = Instant::now();
    all.into_iter().partition(|one| match &held {
        Some(held) if one.is_shown() => held.contains(&one.info.id),
        // Where the operating system cannot be asked, their peers have announced the close, or this
        // side has closed them since nobody had use for them.
        _ => !one.is_reported() && !one.is_long_idle(now),
    })
}

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#[cfg(test)]
mod tests;
