//! What happens to a connection, and when.

use bytes::Bytes;

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// When the connection has been accepted, before the proxy connects on.
    Accept,
    /// When exactly that many bytes have passed from the client to the server.
    /// With 0, when the proxy has connected on.
    RequestBytes(u64),
    /// When exactly that many bytes have passed from the server to the client.
    /// With 0, when the proxy has connected on.
    ResponseBytes(u64),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both sides get a TCP reset.
    Reset,
    /// Both sides get an orderly end of the stream. In the middle of a response
    /// this truncates it.
    Close,
    /// The client reads the end of the stream, while what it writes still goes
    /// to the server. What the server answers is thrown away.
    HalfClose,
    /// Nothing passes in this direction until the [gate](super::FaultProxy::gate)
    /// lets it pass; at accept, in neither. Without that, never.
    Stall,
    /// The client reads these bytes instead of what the server would say, and
    /// then the end of the stream.
    Say(Bytes),
}

/// What happens to one connection. Passes everything unless a script says otherwise.
///
/// # Examples
///
/// ```
/// use http_context_tests::{At, Fault, Script};
///
/// // Half a response, in pieces of one byte, and then a reset.
/// let script = Script::new()
///     .sliced(1)
///     .then(At::ResponseBytes(100), Fault::Reset);
/// # drop(script);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(super) faults: Vec<(At, Fault)>,
    pub(super) slice: Option<usize>,
}

impl Script {
    /// Passes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// One fault, and nothing else out of the ordinary.
    pub fn fault(at: At, fault: Fault) -> Self {
        Self::new().then(at, fault)
    }

    /// One more fault. Of two at the same place, the earlier one comes first.
    #[must_use]
    pub fn then(mut self, at: At, fault: Fault) -> Self {
        self.faults.push((at, fault));
        self
    }

    /// Passes at most `bytes` at a time, each as a segment of its own.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[must_use]
    pub fn sliced(mut self, bytes: usize) -> Self {
        assert_ne!(bytes, 0, "a slice has at least one byte");
        self.slice = Some(bytes);
        self
    }

    /// The faults that strike in a direction: after how many bytes, and which.
    pub(super) fn striking(&self, direction: impl Fn(At) -> Option<u64>) -> Vec<(u64, Fault)> {
        let mut faults: Vec<(u64, Fault)> = self
            .faults
            .iter()
            .filter_map(|(at, fault)| Some((direction(*at)?, fault.clone())))
            .collect();
        faults.sort_by_key(|(after, _)| *after);
        faults
    }
}
