//! Facts of a request that others see: the connector, the resolver, the redirect policy.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use reqwest::{StatusCode, Url};

use super::Exchange;
use crate::connection::{ConnectFailure, ConnectionInfo, NameLookup};
use crate::host_slots::Host;
use crate::observer::Observer;

impl Exchange {
    /// The host that it is on its way to now.
    pub(crate) fn hop(&self) -> Arc<Host> {
        let hop = self.hop.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hop.as_ref().unwrap_or(&self.info.host))
    }

    pub(crate) fn note_sending(&self, headers: &mut HeaderMap) {
        self.tell(|observer| observer.request_sending(&self.info, headers));
    }

    pub(crate) fn note_connect_started(&self, server: &Arc<Host>) {
        self.tell(|observer| observer.connect_started(Some(&self.info), server));
    }

    pub(crate) fn note_connection_opened(&self, connection: &Arc<ConnectionInfo>) {
        self.state().totals.opened();
        self.tell(|observer| observer.connection_opened(Some(&self.info), connection));
    }

    pub(crate) fn note_connect_failed(&self, failure: &ConnectFailure<'_>) {
        self.tell(|observer| observer.connect_failed(Some(&self.info), failure));
    }

    pub(crate) fn note_connect_abandoned(&self, after: Duration) {
        self.tell(|observer| observer.connect_abandoned(Some(&self.info), after));
    }

    pub(crate) fn note_name_resolved(&self, lookup: &NameLookup) {
        self.tell(|observer| observer.name_resolved(Some(&self.info), lookup));
    }

    pub(crate) fn note_redirected(&self, status: StatusCode, to: &Url) {
        let Some(transport) = self.state().transport() else {
            return;
        };
        let server = transport.hosts.host(to);
        *self.hop.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&server));
        self.tell(|observer| observer.request_redirected(&self.info, status, to, &server));
    }

    pub(crate) fn tell(&self, fact: impl FnOnce(&dyn Observer)) {
        self.info.context.tell(fact);
    }
}
