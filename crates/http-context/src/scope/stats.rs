//! What a context adds up for its exit report, in all and by caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::caller::Caller;
use crate::facts::{CallerReport, ConnectionUse};

/// Counts for the exit report.
#[derive(Debug, Default)]
pub(crate) struct ContextStats {
    pub(crate) requests: RequestStats,
    pub(crate) websockets_borrowed: AtomicU64,
    /// Of those that have a name; apart, since few contexts have any. Nothing of a user runs under the
    /// lock, and no other is taken under it.
    callers: OnceLock<Box<Mutex<Callers>>>,
}

type Callers = Vec<(Caller, Arc<RequestStats>)>;

impl ContextStats {
    /// Counts for the context, and for its caller where that has a name.
    pub(super) fn count(&self, caller: Option<Caller>, count: impl Fn(&RequestStats)) {
        count(&self.requests);
        if let Some(caller) = caller {
            count(&self.of_caller(caller));
        }
    }

    /// The counts of one caller.
    pub(super) fn of_caller(&self, caller: Caller) -> Arc<RequestStats> {
        let mut callers = self.callers.get_or_init(Box::default).lock();
        if let Some((_, stats)) = callers.iter().find(|(known, _)| *known == caller) {
            return Arc::clone(stats);
        }
        let stats = Arc::default();
        callers.push((caller, Arc::clone(&stats)));
        stats
    }

    /// What each caller's requests have come to so far, by name.
    pub(crate) fn callers(&self) -> Vec<CallerReport> {
        let Some(callers) = self.callers.get() else {
            return Vec::new();
        };
        let report = |(caller, stats): &(Caller, Arc<RequestStats>)| CallerReport {
            caller: *caller,
            requests: of(&stats.started),
            plain_requests: of(&stats.plain),
            connections_opened: of(&stats.connections_opened),
            connections_reused: of(&stats.connections_reused),
            bytes_sent: of(&stats.bytes_sent),
            bytes_received: of(&stats.bytes_received),
        };
        let mut reports: Vec<_> = callers.lock().iter().map(report).collect();
        reports.sort_unstable_by_key(|report| report.caller);
        reports
    }

    #[cfg(feature = "websocket")]
    pub(crate) fn borrowed(&self) {
        self.websockets_borrowed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Of some requests.
#[derive(Debug, Default)]
pub(crate) struct RequestStats {
    pub(crate) started: AtomicU64,
    /// Of plain clients, those that have ended.
    pub(crate) plain: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
    pub(crate) connections_reused: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
}

impl RequestStats {
    pub(super) fn started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn plain_ended(&self) {
        self.plain.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn opened(&self) {
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A head came over a connection, be it that of a redirect or of a middleware's attempt.
    pub(super) fn carried(&self, connection_use: ConnectionUse) {
        if connection_use == ConnectionUse::Reused {
            self.connections_reused.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
