//! What a context adds up for its exit report.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::facts::ConnectionUse;

/// Counts for the exit report.
#[derive(Debug, Default)]
pub(crate) struct ContextStats {
    pub(crate) requests: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
    pub(crate) connections_reused: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
}

impl ContextStats {
    pub(crate) fn started(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, connection_use: ConnectionUse, sent: u64) {
        if connection_use == ConnectionUse::Reused {
            self.connections_reused.fetch_add(1, Ordering::Relaxed);
        }
        self.bytes_sent.fetch_add(sent, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed);
    }
}
