//! The end of a pool: refuse, drain, close, verify, report.

use std::fmt;

use tokio::time::Instant;

use super::counts::PoolCounts;
use super::{Inner, SessionPool};
use std::sync::Arc;

use crate::connection::{
    CLOSES_WITHIN, Connection, HeldConnection, cut_off, release, wait_for_close,
};
use crate::facts::{AddressPair, Counted, HeldSocket, PoolCloseReason};
use crate::observer::Observer;
use crate::wait_until::wait_until;

/// What a pool did at its end, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolReport {
    /// Sessions that were closed by it.
    pub sessions_closed: u64,
    /// Permits that contexts still have. Their sessions are closed when they are given back.
    pub in_use: usize,
    /// Connections that were verified.
    pub connections: usize,
    /// Those of them whose socket somebody still held, and which were cut off: see
    /// [`cut_held_sockets`](crate::SessionOptions::cut_held_sockets).
    pub cut: Vec<AddressPair>,
    /// Those of them whose socket this process still has, and which could not be cut off.
    pub still_open: Vec<AddressPair>,
}

impl PoolReport {
    /// Whether nothing is left.
    pub fn is_clean(&self) -> bool {
        self.in_use == 0 && self.cut.is_empty() && self.still_open.is_empty()
    }
}

/// One line, and one for each socket that is left.
impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "session pool closed: {} and {}, {} still in use, {} cut off, {} still open",
            Counted(self.sessions_closed, "session"),
            Counted::of(self.connections, "connection"),
            Counted::of(self.in_use, "permit"),
            Counted::of(self.cut.len(), "socket"),
            Counted::of(self.still_open.len(), "socket"),
        )?;
        for AddressPair { local, remote } in self.cut.iter().chain(&self.still_open) {
            write!(f, "\n  from {local} to {remote}")?;
        }
        Ok(())
    }
}

impl SessionPool {
    /// Closes the pool: refuses further contexts, waits for those that have a permit up to its
    /// [`drain_timeout`](crate::PoolBuilder::drain_timeout), closes every session, and asks the operating system whether
    /// all their sockets are gone. Those that are not are cut off.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the pool closed; calling it again goes on with what is left.
    pub async fn close(&self) -> PoolReport {
        let Inner {
            counts,
            sessions,
            drain_timeout,
            ..
        } = &*self.0;
        let closed_before = counts.closed();
        let (was_open, idle) = {
            let _closing = self.0.closing.lock();
            let was_open = counts.close();
            // First, since closing drops what is idle under a lock.
            let idle = sessions.retain(|_, _| false).removed;
            sessions.close();
            (was_open, idle)
        };
        for mut session in idle {
            counts.left_idle();
            session.close(counts, PoolCloseReason::PoolClosed);
        }
        if was_open {
            counts.notify(Observer::pool_closed);
        }
        // Running out of time is no error: the report counts what is in use.
        let is_unused = wait_until(&counts.returned, || counts.is_unused());
        let _ = tokio::time::timeout(*drain_timeout, is_unused).await;
        let (connections, held) = verify(counts).await;
        let of = |socket| {
            let held = held.iter().filter(|one| one.socket == socket);
            held.filter_map(|one| one.connection.info.addresses)
                .collect()
        };
        PoolReport {
            sessions_closed: counts.closed() - closed_before,
            in_use: counts.status().used,
            connections,
            cut: of(HeldSocket::Cut),
            still_open: of(HeldSocket::StillOpen),
        }
    }
}

async fn verify(counts: &PoolCounts) -> (usize, Vec<HeldConnection>) {
    let mut unverified = Unverified {
        counts,
        connections: counts.take_unverified(),
    };
    let gone_by = Instant::now() + CLOSES_WITHIN;
    let held = wait_for_close(unverified.connections.clone(), gone_by).await;
    let held = cut_off(held).await;
    let connections = std::mem::take(&mut unverified.connections);
    connections.iter().for_each(release);
    (connections.len(), held)
}

/// Goes back to the counts when the verification is given up.
struct Unverified<'l> {
    counts: &'l PoolCounts,
    connections: Vec<Arc<Connection>>,
}

impl Drop for Unverified<'_> {
    fn drop(&mut self) {
        self.counts
            .put_unverified(std::mem::take(&mut self.connections));
    }
}
