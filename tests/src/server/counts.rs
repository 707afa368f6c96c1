//! What the server has seen, and how a test waits for it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Method, Uri, Version};
use tokio::{sync::watch, time::Instant};

/// How many requests [`Server::seen`](super::Server::seen) goes back, and how many connections
/// [`Server::served`](super::Server::served). A long run must not fill the memory with them.
const REMEMBERED: usize = 100_000;

/// What a server has counted since it started.
///
/// Each field is a running total, except [`held`](Counts::held). At any moment
///
/// * `accepted` = [`closed()`](Counts::closed) + [`open()`](Counts::open)
/// * `requests` = `completed` + `aborted` + [`in_flight()`](Counts::in_flight)
///
/// # What "sent" means
///
/// The server counts a head or a body as sent when it has handed it to the
/// transport. It went on to the socket unless the client left at that very
/// moment: whether a client read the last bytes is something that no server
/// knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// TCP connections accepted.
    pub accepted: u64,
    /// Connections that ended because the client closed its side first.
    pub closed_by_client: u64,
    /// Connections that ended because the server closed first: a
    /// `Connection: close`, a command of the test, a protocol error, or its
    /// own shutdown.
    pub closed_by_server: u64,
    /// Connections that ended with an error: a reset, or a failed TLS
    /// handshake. A client that closes with bytes unread resets the connection,
    /// whether it means to or not, so one that drops an HTTP/2 connection can
    /// be counted here.
    pub closed_by_error: u64,
    /// Of those, the ones whose TLS handshake failed.
    pub handshakes_failed: u64,
    /// Requests whose head arrived.
    pub requests: u64,
    /// Response heads sent.
    pub heads: u64,
    /// Responses sent to their end.
    pub completed: u64,
    /// Requests that ended before their response did: the client went away, the
    /// handler panicked, or the server cut the connection.
    pub aborted: u64,
    /// Of those, the ones that had no response head.
    pub aborted_before_head: u64,
    /// Requests that wait at a [`Gate`](crate::Gate), or on `/never`, now.
    pub held: u64,
    /// Bytes of request bodies that `/echo` and `/upload` have read.
    pub request_bytes: u64,
    /// Bytes of response bodies sent, without framing.
    pub response_bytes: u64,
}

impl Counts {
    /// Connections that have ended, whoever ended them.
    pub fn closed(&self) -> u64 {
        self.closed_by_client + self.closed_by_server + self.closed_by_error
    }

    /// Connections that were accepted, but for those whose TLS handshake failed. Where one was still to come,
    /// this is a matter of the moment until all are closed.
    pub fn made(&self) -> u64 {
        self.accepted - self.handshakes_failed
    }

    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.accepted - self.closed()
    }

    /// Requests whose response has not ended yet.
    pub fn in_flight(&self) -> u64 {
        self.requests - self.completed - self.aborted
    }
}

/// A request as the server received it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The connection it came on, numbered from 1 in order of acceptance.
    pub connection: u64,
    /// The client's end of that connection.
    pub peer: SocketAddr,
    /// Its method.
    pub method: Method,
    /// Its target, as sent.
    pub uri: Uri,
    /// The protocol's version.
    pub version: Version,
    /// Its headers, as sent.
    pub headers: HeaderMap,
}

/// A connection that has ended, as the server saw it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Served {
    /// Its number, from 1 in order of acceptance.
    pub connection: u64,
    /// The client's end.
    pub peer: SocketAddr,
    /// When it was accepted.
    pub accepted: Instant,
    /// Who closed first.
    pub closed_by: ClosedBy,
    /// When the server did that, or saw it.
    pub closed: Instant,
    /// Requests whose head arrived on it.
    pub requests: u64,
    /// Response heads sent on it.
    pub heads: u64,
}

/// Who ended a connection, as far as the server could see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// The server read the end of the stream before it closed its own side.
    Client,
    /// The server closed before it read the end of the stream.
    Server,
    /// Reading or writing failed, as after a reset by the client.
    Error,
}

/// The counts, shared by everything that counts.
#[derive(Debug)]
pub(super) struct Ledger {
    counts: watch::Sender<Counts>,
    seen: Mutex<VecDeque<Seen>>,
    served: Mutex<VecDeque<Served>>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            counts: watch::Sender::new(Counts::default()),
            seen: Mutex::default(),
            served: Mutex::default(),
        }
    }

    /// The one way to change a count. Every waiter looks again.
    pub(super) fn record(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    pub(super) fn remember(&self, request: Seen) {
        push(&mut lock(&self.seen), request);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).iter().cloned().collect()
    }

    /// Called before the connection is counted as ended.
    pub(super) fn remember_served(&self, connection: Served) {
        push(&mut lock(&self.served), connection);
    }

    pub(super) fn served(&self) -> Vec<Served> {
        lock(&self.served).iter().copied().collect()
    }
}

fn push<T>(remembered: &mut VecDeque<T>, last: T) {
    if remembered.len() == REMEMBERED {
        remembered.pop_front();
    }
    remembered.push_back(last);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
