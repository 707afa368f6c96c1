//! What a context adds up for its exit report.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::facts::ConnectionUse;

/// Counts for the exit report.
#[derive(Debug, Default)]
pub(crate) struct ContextStats {
    pub(crate) requests: AtomicU64,
    pub(crate) plain_requests: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
    pub(crate) connections_reused: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) websockets_borrowed: AtomicU64,
}

impl ContextStats {
    pub(crate) fn started(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A request of a plain client has ended.
    pub(crate) fn plain_ended(&self) {
        self.plain_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A head came over a connection, be it that of a redirect or of a middleware's attempt.
    pub(crate) fn carried(&self, connection_use: ConnectionUse) {
        if connection_use == ConnectionUse::Reused {
            self.connections_reused.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cfg(feature = "websocket")]
    pub(crate) fn borrowed(&self) {
        self.websockets_borrowed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed);
    }
}
