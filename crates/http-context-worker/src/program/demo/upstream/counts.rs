//! What the servers saw.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Version;
use parking_lot::Mutex;
use tokio::sync::watch;

/// What the servers saw so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Requests over HTTP/1.1.
    pub http1_requests: u64,
    /// Requests over HTTP/2.
    pub http2_requests: u64,
    /// WebSockets opened.
    pub websockets: u64,
    /// Text and binary messages that came over them.
    pub received_messages: u64,
    /// Text and binary messages that were sent over them.
    pub sent_messages: u64,
    /// Planned faults that were given: answers of 503, connections hung up, and Close frames that were
    /// not answered.
    pub faults: u64,
}

impl Seen {
    /// Requests of both versions.
    pub fn requests(&self) -> u64 {
        self.http1_requests + self.http2_requests
    }
}

#[derive(Debug)]
pub(super) struct Counts {
    accepted: AtomicU64,
    open: watch::Sender<u64>,
    http1_requests: AtomicU64,
    http2_requests: AtomicU64,
    websockets: AtomicU64,
    received_messages: AtomicU64,
    sent_messages: AtomicU64,
    faults: AtomicU64,
    /// The paths of which the fault was given.
    given: Mutex<HashSet<String>>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            open: watch::Sender::new(0),
            http1_requests: AtomicU64::new(0),
            http2_requests: AtomicU64::new(0),
            websockets: AtomicU64::new(0),
            received_messages: AtomicU64::new(0),
            sent_messages: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            given: Mutex::default(),
        }
    }
}

impl Counts {
    pub(super) fn seen(&self) -> Seen {
        Seen {
            accepted: self.accepted.load(Ordering::Relaxed),
            open: *self.open.borrow(),
            http1_requests: self.http1_requests.load(Ordering::Relaxed),
            http2_requests: self.http2_requests.load(Ordering::Relaxed),
            websockets: self.websockets.load(Ordering::Relaxed),
            received_messages: self.received_messages.load(Ordering::Relaxed),
            sent_messages: self.sent_messages.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
        }
    }

    pub(super) async fn all_closed(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    pub(super) fn request(&self, version: Version) {
        if version == Version::HTTP_2 {
            self.http2_requests.fetch_add(1, Ordering::Relaxed);
        } else {
            self.http1_requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn websocket(&self) {
        self.websockets.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received_message(&self) {
        self.received_messages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent_message(&self) {
        self.sent_messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the fault of this path is due: the first time it is asked.
    pub(super) fn fault_is_due(&self, path: &str) -> bool {
        let due = self.given.lock().insert(path.to_owned());
        if due {
            self.fault();
        }
        due
    }

    pub(super) fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts one connection as open for as long as it lives.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<Counts>);

impl OpenConnection {
    pub(super) fn accepted(counts: &Arc<Counts>) -> Self {
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        counts.open.send_modify(|open| *open += 1);
        Self(Arc::clone(counts))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}
