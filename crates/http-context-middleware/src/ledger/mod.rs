//! The connection ledger: what the connections of the observed sessions are doing.
//!
//! The core knows every connection of the process, what it carries and why it closed. This reads it:
//! [`Ledger`] shows the connections of one instrumentation, and [`ConnectionGauge`] moves the gauges
//! of one connection.

mod gauge;
mod record;

use std::collections::VecDeque;
use std::sync::Arc;

use http_context::{ConnectionClosed, ConnectionInfo, open_connections};
use parking_lot::Mutex;
use tokio::time::Instant;

pub(crate) use self::gauge::{ConnectionGauge, OpenedFor};
pub use self::record::{ConnectionRecord, ConnectionState};

/// How many closed connections are remembered.
const REMEMBERED: usize = 256;

/// The connections of every session that is observed.
///
/// ```
/// # fn main() -> Result<(), http_context::ObserverAlreadySet> {
/// let instrumentation = http_context_middleware::Instrumentation::install()?;
/// for connection in instrumentation.ledger().connections() {
///     println!("{connection:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Ledger {
    /// Those that closed last. Only data.
    closed: Arc<Mutex<VecDeque<ConnectionRecord>>>,
}

impl Ledger {
    /// The connections that are open, in the order they were opened.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        let open = open_connections();
        let records = open.iter().filter_map(|connection| {
            let gauge = connection.info.attached::<Arc<ConnectionGauge>>()?;
            self.is_of(gauge).then(|| gauge.open(connection))
        });
        records.collect()
    }

    /// The connections that closed last, the latest first; a few hundred at most.
    pub fn recently_closed(&self) -> Vec<ConnectionRecord> {
        self.closed.lock().iter().rev().cloned().collect()
    }

    /// Whether the operating system announces when a connection closes. Where it does not, the
    /// reason of a close that the peer has not announced is `unknown`, and its time is the end of
    /// the session.
    pub fn sees_closes(&self) -> bool {
        http_context::sees_connection_closes()
    }

    pub(crate) fn closed(
        &self,
        info: &ConnectionInfo,
        gauge: &ConnectionGauge,
        closed: &ConnectionClosed,
    ) {
        let record = gauge.closed_record(info, closed, Instant::now());
        let mut records = self.closed.lock();
        if records.len() == REMEMBERED {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// Marks the gauge of a connection that this observes.
    pub(crate) fn mark(&self) -> LedgerMark {
        LedgerMark(Arc::as_ptr(&self.closed).addr())
    }

    fn is_of(&self, gauge: &ConnectionGauge) -> bool {
        gauge.ledger == self.mark()
    }
}

/// Which ledger a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LedgerMark(usize);
