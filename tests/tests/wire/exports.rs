//! What is exported of connections, as a scrape would get it.

use std::net::SocketAddr;

use http_context::CloseReason;
use http_context_tests::{Served, Server};

use crate::rig::{Exported, Rig};

/// What one instrumentation exports once all its connections have closed.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    pub(crate) opened: i64,
    pub(crate) closed: i64,
    pub(crate) by_remote: i64,
    pub(crate) unknown: i64,
    /// The sum of their durations, in seconds.
    pub(crate) lifetimes: f64,
    /// The sum of the requests that they carried.
    pub(crate) requests: i64,
    /// Those whose duration has no protocol version.
    pub(crate) without_version: i64,
    /// Response heads that reached a caller.
    pub(crate) answered: i64,
    /// Requests that ended without one.
    pub(crate) not_answered: i64,
    pub(crate) redirects: i64,
    /// The connections that are known, by the end in this process.
    pub(crate) known: Vec<SocketAddr>,
}

impl Exports {
    /// Waits until no connection is open any more, and the close of each is exported.
    pub(crate) async fn once_closed(rig: &Rig) -> Self {
        let closed = |e: &Exported| e.sum("http_context_connections_closed_total", &[]);
        let is_over = |e: &Exported| e.open_connections() == 0 && closed(e) == e.opened();
        let exported = rig.wait_until(is_over).await;
        let known = rig.instrumentation.ledger().recently_closed();
        let known = known.iter().filter_map(|record| record.local).collect();
        Self::of(exported, known)
    }

    fn of(exported: Exported, known: Vec<SocketAddr>) -> Self {
        let duration = "http_client_connection_duration_seconds";
        let ends = exported.ends();
        let counts = Self {
            opened: exported.opened(),
            closed: exported.sum("http_context_connections_closed_total", &[]),
            by_remote: exported.closed(CloseReason::Remote),
            unknown: exported.closed(CloseReason::Unknown),
            lifetimes: 0.0,
            requests: exported.sum("http_context_connection_requests_sum", &[]),
            without_version: 0,
            answered: ends.answered,
            not_answered: ends.failed + ends.cancelled,
            redirects: exported.sum("http_context_redirects_total", &[]),
            known,
        };
        let versions = ["1.0", "1.1", "2"].map(|version| {
            let version = [("network_protocol_version", version)];
            exported.count(duration, &version)
        });
        let without_version = exported.count(duration, &[]) - versions.iter().sum::<i64>();
        let lifetimes = exported.into_numbers();
        Self {
            without_version,
            lifetimes: lifetimes
                .filter(|((name, _), _)| *name == format!("{duration}_sum"))
                .map(|(_, seconds)| seconds)
                .sum(),
            ..counts
        }
    }
}

/// What a server noted of all connections that are exported: it may see one when that is closed already.
pub(crate) async fn all_served(server: &Server, exports: &Exports) -> Vec<Served> {
    let opened = u64::try_from(exports.opened).unwrap();
    server
        .wait_until(|counts| counts.accepted >= opened && counts.open() == 0)
        .await;
    server.served()
}
