//! A source of closes: the one thing about connections that `reqwest` does not show.

use std::fmt;

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
    /// The socket with these addresses is gone. It may be one that no session has opened.
    Closed(AddressPair),
    /// Some closes may have been missed: the connections are to be compared with the sockets that
    /// this process holds.
    Compare,
}

/// Sends no closes: for systems that do not show them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCloses;

impl ConnectionCloses for NoCloses {
    fn start(&self, _: CloseSink) -> bool {
        false
    }
}
