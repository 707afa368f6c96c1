//! The two sides of a moment: a peer comes to it and waits, a test says go on.

use http_context_tests::Gate;

/// A moment in the middle of a request, just before its fault strikes.
#[derive(Clone, Default)]
pub(crate) struct Cue {
    reached: Gate,
    strike: Gate,
}

impl Cue {
    /// The peer has come to the moment, and waits until the fault may strike.
    pub(crate) async fn here(&self) {
        self.reached.open();
        self.strike.pass().await;
    }

    /// Waits until the peer has come to the moment.
    pub(crate) async fn reached(self) {
        self.reached.pass().await;
    }

    /// Lets the fault strike, now and whenever the moment comes again.
    pub(crate) fn strike(&self) {
        self.strike.open();
    }
}
