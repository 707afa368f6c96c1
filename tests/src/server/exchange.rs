//! One request and its response: counted once when it starts, and once when it
//! ends, whichever way it ends.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::HeaderMap;

use super::{counts::Ledger, tally::Tally};

/// What one connection has carried.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Requests in flight, so that an idle connection is known.
    pub(super) in_flight: AtomicU64,
    /// Requests whose head arrived.
    pub(super) requests: AtomicU64,
    /// Response heads sent.
    pub(super) heads: AtomicU64,
}

/// Travels with a request from its head to the end of its response body: first
/// inside the handler's future, then inside the body. Dropped before
/// [`complete`](Exchange::complete), it counts an abort.
#[derive(Debug)]
pub(super) struct Exchange {
    ledger: Arc<Ledger>,
    on_connection: Arc<Carried>,
    /// Where it has a number, and that is noted.
    numbered: Option<(Arc<Tally>, usize)>,
    head_sent: bool,
    completed: bool,
}

impl Exchange {
    pub(super) fn start(ledger: Arc<Ledger>, on_connection: Arc<Carried>) -> Self {
        on_connection.in_flight.fetch_add(1, Ordering::Relaxed);
        on_connection.requests.fetch_add(1, Ordering::Relaxed);
        ledger.record(|counts| counts.requests += 1);
        Self {
            ledger,
            on_connection,
            numbered: None,
            head_sent: false,
            completed: false,
        }
    }

    pub(super) fn numbered(&mut self, tally: &Arc<Tally>, headers: &HeaderMap) {
        let number = tally.arrived(headers);
        self.numbered = number.map(|number| (Arc::clone(tally), number));
    }

    pub(super) fn head_sent(&mut self) {
        self.head_sent = true;
        if let Some((tally, number)) = &self.numbered {
            tally.head_sent(*number);
        }
        self.on_connection.heads.fetch_add(1, Ordering::Relaxed);
        self.ledger.record(|counts| counts.heads += 1);
    }

    pub(super) fn bytes_sent(&self, bytes: usize) {
        self.ledger
            .record(|counts| counts.response_bytes += bytes as u64);
    }

    /// The body has been handed over to its end. Takes effect at the drop.
    pub(super) fn complete(&mut self) {
        self.completed = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.on_connection.in_flight.fetch_sub(1, Ordering::Relaxed);
        let (completed, head_sent) = (self.completed, self.head_sent);
        self.ledger.record(|counts| {
            if completed {
                counts.completed += 1;
            } else {
                counts.aborted += 1;
                counts.aborted_before_head += u64::from(!head_sent);
            }
        });
    }
}
