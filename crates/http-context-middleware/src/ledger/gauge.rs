//! One connection in the gauge of open connections: active, idle, or one that nobody knows of.

use std::sync::{Arc, OnceLock};

use http_context::{ConnectionClosed, ConnectionInfo, ConnectionSnapshot};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{ConnectionRecord, ConnectionState, LedgerMark};
use crate::metrics::Server;
use crate::span::{Link, Peer};
use crate::version::ProtocolVersion;

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenedFor {
    /// A request that waits for it.
    Request,
    /// Nobody: the request that asked for it went another way.
    Nobody,
    /// A plain client, whose requests are not seen on it.
    Plain,
}

/// A connection, as the gauge of its server counts it. Kept with the connection.
#[derive(Debug)]
pub(crate) struct ConnectionGauge {
    pub(super) ledger: LedgerMark,
    pub(crate) server: Arc<Server>,
    /// The other end, as spans show it.
    pub(crate) peer: Option<Peer>,
    /// The span of its making, for the requests to link to.
    pub(crate) setup: OnceLock<Link>,
    is_plain: bool,
    /// Only data: the gauges are moved after the lock.
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Kept for the request that it was opened for, until that gets its response.
    is_reserved: bool,
    in_flight: u32,
    is_closed: bool,
}

impl Counted {
    fn is_busy(&self) -> bool {
        !self.is_closed && (self.is_reserved || self.in_flight > 0)
    }
}

impl ConnectionGauge {
    pub(crate) fn new(
        ledger: LedgerMark,
        info: &ConnectionInfo,
        server: &Arc<Server>,
        opened_for: OpenedFor,
    ) -> Self {
        let counted = Counted {
            is_reserved: opened_for == OpenedFor::Request,
            ..Counted::default()
        };
        let gauge = Self {
            ledger,
            server: Arc::clone(server),
            peer: info.addresses.map(|pair| pair.remote.into()),
            setup: OnceLock::new(),
            is_plain: opened_for == OpenedFor::Plain,
            counted: Mutex::new(counted),
        };
        let busy = i64::from(opened_for == OpenedFor::Request);
        gauge.move_gauges(1, busy, 0);
        gauge
    }

    /// A response head came over it. `stops_waiting` says that its request was counted as waiting
    /// at the same server.
    pub(crate) fn answered(&self, stops_waiting: bool) {
        let busy = self.change(|counted| {
            counted.is_reserved = false;
            counted.in_flight += 1;
        });
        self.move_gauges(0, busy, if stops_waiting { -1 } else { 0 });
    }

    /// The body of a response on it has ended.
    pub(crate) fn response_ended(&self) {
        let busy = self.change(|counted| counted.in_flight = counted.in_flight.saturating_sub(1));
        self.move_gauges(0, busy, 0);
    }

    /// The request that it was kept for does not need it.
    pub(crate) fn not_needed(&self) {
        let busy = self.change(|counted| counted.is_reserved = false);
        self.move_gauges(0, busy, 0);
    }

    pub(crate) fn closed(&self) {
        let busy = self.change(|counted| counted.is_closed = true);
        self.move_gauges(-1, busy, 0);
    }

    /// Returns by how much the number of busy connections changes.
    fn change(&self, change: impl FnOnce(&mut Counted)) -> i64 {
        let mut counted = self.counted.lock();
        let was_busy = counted.is_busy();
        change(&mut counted);
        i64::from(counted.is_busy()) - i64::from(was_busy)
    }

    fn move_gauges(&self, open: i64, busy: i64, waiting: i64) {
        if self.is_plain {
            self.server.move_connections(0, 0, open);
            return;
        }
        if (open, busy, waiting) == (0, 0, 0) {
            return;
        }
        let (active, idle) = self.server.connections.change(|counts| {
            counts.open += open;
            counts.busy += busy;
            counts.waiting += waiting;
        });
        self.server.move_connections(active, idle, 0);
    }

    /// As the ledger shows it while it is open.
    pub(super) fn open(&self, connection: &ConnectionSnapshot) -> ConnectionRecord {
        let counted = self.counted.lock();
        let is_idle = !counted.is_reserved && counted.in_flight == 0;
        drop(counted);
        let mut record = self.record(&connection.info);
        record.protocol_version = connection.version.map(version);
        record.requests = connection.requests;
        record.state = if self.is_plain {
            ConnectionState::Unknown
        } else if is_idle {
            ConnectionState::Idle
        } else {
            ConnectionState::Active
        };
        record.idle_for = connection
            .idle_since
            .filter(|_| is_idle)
            .map(|since| since.elapsed());
        record
    }

    /// As the ledger shows it once it is closed.
    pub(super) fn closed_record(
        &self,
        info: &ConnectionInfo,
        closed: &ConnectionClosed,
        now: Instant,
    ) -> ConnectionRecord {
        let mut record = self.record(info);
        record.protocol_version = closed.version.map(version);
        record.requests = closed.requests;
        // Its duration counts from when it began to be made.
        let lived = closed.duration.saturating_sub(info.create_duration);
        let at = (info.opened + lived).min(now);
        record.closed = Some((at, closed.reason));
        record
    }

    fn record(&self, info: &ConnectionInfo) -> ConnectionRecord {
        ConnectionRecord {
            id: info.id,
            session: info.session,
            server_address: Arc::clone(&self.server.address),
            server_port: self.server.port,
            local: info.addresses.map(|pair| pair.local),
            peer: info.addresses.map(|pair| pair.remote),
            protocol_version: None,
            opened: info.opened,
            create_duration: info.create_duration,
            requests: 0,
            state: if self.is_plain {
                ConnectionState::Unknown
            } else {
                ConnectionState::Idle
            },
            idle_for: None,
            closed: None,
        }
    }
}

fn version(version: reqwest::Version) -> &'static str {
    ProtocolVersion::of(version).as_str()
}
