//! A source of closes: the one thing about connections that `reqwest` does not show.

use std::fmt;
use std::time::Duration;

use super::counters::SocketCounters;
use crate::facts::AddressPair;

/// Receives each event of a source of closes. Returns whether a comparison is due again soon.
pub type CloseSink = Box<dyn Fn(CloseEvent) -> bool + Send + Sync>;

/// A source of closes.
///
/// The default is [`KernelCloses`](crate::KernelCloses). An upstream hook can take the place of the
/// operating system by implementing this; see
/// [`set_connection_closes`](crate::set_connection_closes).
pub trait ConnectionCloses: fmt::Debug + Send + Sync + 'static {
    /// Begins to send closes. Returns whether any will be sent: where not, a connection is taken for
    /// closed when its session has closed, with the reason `unknown`.
    fn start(&self, sink: CloseSink) -> bool;

    /// A session has closed, and the sockets of its connections ought to be gone: if the source
    /// may be late with that, it asks for a comparison.
    fn check_soon(&self) {}

    /// Sends what it knows already, on the calling thread.
    fn flush(&self) {}
}

/// What a source of closes sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseEvent {
    /// A socket is gone. It may be one that no session has opened.
    Closed(ClosedSocket),
    /// Some closes may have been missed: the connections are to be compared with the sockets that
    /// this process holds.
    Compare,
}

/// A socket that is gone, and what is known of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedSocket {
    /// Its two ends.
    pub addresses: AddressPair,
    /// Who closed it first.
    pub end: SocketEnd,
    /// How long ago it closed.
    pub ago: Duration,
    /// What the operating system had counted of it by then, where it was the source.
    pub(super) counters: Option<SocketCounters>,
}

impl ClosedSocket {
    /// One that closed just now, nobody knows how.
    pub fn new(addresses: AddressPair) -> Self {
        Self {
            addresses,
            end: SocketEnd::Unknown,
            ago: Duration::ZERO,
            counters: None,
        }
    }

    /// Sets who closed it first.
    #[must_use]
    pub fn end(mut self, end: SocketEnd) -> Self {
        self.end = end;
        self
    }

    /// Sets how long ago it closed.
    #[must_use]
    pub fn ago(mut self, ago: Duration) -> Self {
        self.ago = ago;
        self
    }
}

/// Which side of a connection closed it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketEnd {
    /// This process.
    Here,
    /// The peer.
    Peer,
    /// Not known.
    Unknown,
}

/// Sends no closes: for systems that do not show them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCloses;

impl ConnectionCloses for NoCloses {
    fn start(&self, _: CloseSink) -> bool {
        false
    }
}
