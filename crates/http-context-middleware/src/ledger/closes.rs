//! Who tells that a connection is closed.

use std::fmt;
use std::ops::ControlFlow;

use http_context::AddressPair;

/// Called with each event. Answers `Break` when nobody listens any more, and otherwise whether a
/// comparison is due again soon.
pub type TellClose = Box<dyn Fn(CloseEvent) -> ControlFlow<(), bool> + Send + Sync>;

/// A source of closes: the one thing about connections that `reqwest` does not tell.
///
/// An upstream hook can take the place of the operating system by implementing this.
pub trait ConnectionCloses: fmt::Debug + Send + Sync + 'static {
    /// Begins to tell closes; says whether any will be told.
    fn start(&self, tell: TellClose) -> bool;

    /// A session has closed, and the sockets of its connections ought to be gone: if the source
    /// may be late with that, it asks for a comparison.
    fn check_soon(&self) {}
}

/// What a source of closes tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseEvent {
    /// The socket with these addresses is gone. Sockets that are not in the ledger may be told.
    Closed(AddressPair),
    /// Some closes may have been missed: the ledger is to be compared with the sockets that this
    /// process holds.
    Compare,
}

/// Tells no closes: for systems that do not show them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCloses;

impl ConnectionCloses for NoCloses {
    fn start(&self, _: TellClose) -> bool {
        false
    }
}
