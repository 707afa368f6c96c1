//! What speaks the protocol of an upgraded connection has beside its handle.

use std::sync::{Arc, Weak};

use super::state::{Driven, Exchange};
use super::upgraded_io::Farewell;
use crate::error::SessionClosed;
use crate::facts::{UpgradeEndReason, UpgradeTraffic};

/// Ends an upgraded connection while its handle lives on, and knows what it carries.
pub(crate) struct UpgradeControl {
    exchange: Arc<Exchange>,
    traffic: Arc<UpgradeTraffic>,
}

impl UpgradeControl {
    pub(super) fn new(exchange: Arc<Exchange>, traffic: Arc<UpgradeTraffic>) -> Self {
        Self { exchange, traffic }
    }

    pub(crate) fn traffic(&self) -> &UpgradeTraffic {
        &self.traffic
    }

    /// Who takes leave of the peer when its session closes.
    pub(crate) fn set_farewell(&self, farewell: Weak<dyn Farewell>) {
        if let Driven::Upgraded(upgraded) = &mut *self.exchange.driven() {
            upgraded.farewell = Some(farewell);
        }
    }

    /// Why it ends, unless something has ended it before.
    pub(crate) fn note_end(&self, reason: UpgradeEndReason) {
        if let Driven::Upgraded(upgraded) = &mut *self.exchange.driven() {
            upgraded.ended.get_or_insert(reason);
        }
    }

    /// Closes the connection, for this reason unless something has ended it before. Notifies
    /// observers.
    pub(crate) fn end(&self, reason: UpgradeEndReason, is_dropped: bool) {
        self.exchange.end_by_protocol(reason, is_dropped);
    }

    /// Its holder is about to end and [release](Self::release) it: it is kept by nobody from here on.
    pub(crate) fn let_go(&self) {
        self.exchange.lock().is_released = true;
    }

    /// Its holder holds it no more.
    pub(crate) fn release(&self) {
        self.exchange.release_body(self.exchange.lock());
        self.exchange.scope().note_idle();
    }

    /// Whether a frame of a WebSocket has begun to come whose end has not.
    pub(crate) fn is_amid_frame(&self) -> bool {
        match &*self.exchange.driven() {
            Driven::Upgraded(upgraded) => upgraded.is_amid_frame(),
            _ => false,
        }
    }

    /// Whether its context takes leave of everybody by now.
    pub(crate) fn is_exiting(&self) -> bool {
        self.exchange.scope().info.phase.is_closed()
    }

    /// Whether its session was closed under it.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.exchange.lock().is_aborted
    }

    /// What is said of it once its session is closed.
    pub(crate) fn session_closed(&self) -> SessionClosed {
        self.exchange.closed_error()
    }
}
