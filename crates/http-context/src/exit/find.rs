//! What an exit finds left behind.

use tokio::time::Instant;

use super::ExitGuard;
use super::sockets::{ToRelease, wait_for_close};
use crate::connection::AddressPair;
use crate::leak::{Leak, LeakKind};
use crate::place::{Holders, PlaceCounts};
use crate::session::SessionState;
use crate::watch;

impl ExitGuard {
    /// Finds requests, bodies and children that are there at the drain deadline.
    pub(super) fn find_living(&mut self) {
        let Some(context) = self.context.as_ref().filter(|_| self.looks_for_leaks()) else {
            return;
        };
        if context.inner().is_idle() {
            return;
        }
        context.hold_resolved();
        self.holds_resolved = true;
        for exchange in context
            .session_if_built()
            .into_iter()
            .flat_map(|s| s.in_flight.tell_live())
        {
            merge(&mut self.leaks, exchange.leak());
        }
        for child in context.inner().children.tell_alive() {
            merge(&mut self.leaks, child.leak(context));
        }
    }

    /// Finds handles and clients that are there now.
    pub(super) fn find_held(&mut self) {
        let Some(context) = self.context.as_ref().filter(|_| self.looks_for_leaks()) else {
            return;
        };
        let Some(state) = context
            .session_if_built()
            .filter(|state| state.has_holders())
        else {
            return;
        };
        context.hold_resolved();
        self.holds_resolved = true;
        let held = |counts: &PlaceCounts, kind| {
            let leak = |Holders {
                            place,
                            count,
                            backtrace,
                        }| Leak {
                count,
                backtrace,
                ..state.holder_leak(context, kind, place)
            };
            counts.tell_live().map(leak).collect::<Vec<_>>()
        };
        self.leaks
            .extend(held(&state.handles, LeakKind::SessionHandle));
        self.leaks
            .extend(held(&state.clients, LeakKind::ClientClone));
    }

    /// Finds sockets that the operating system says are open, once their tasks had the time to
    /// close them.
    pub(super) async fn find_sockets(&mut self, connections: &mut ToRelease, gone_by: Instant) {
        let Some(context) = &self.context else {
            return;
        };
        let held = wait_for_close(connections.0.clone(), gone_by).await;
        if held.is_empty() {
            return;
        }
        connections
            .0
            .retain(|connection| !held.contains(connection));
        context.hold_resolved();
        self.holds_resolved = true;
        let age = context
            .session_if_built()
            .map(SessionState::age)
            .unwrap_or_default();
        for connection in held {
            let mut leak = context.leak(LeakKind::Connection, None, age);
            let (AddressPair { local, remote }, id) = connection;
            leak.detail = Some(format!("connection {id} from {local} to {remote}"));
            // From here on it is watched, to be told when it closes after all.
            watch::until_closed(context.clone(), connection, leak.clone());
            self.leaks.push(leak);
        }
    }
}

/// Counts leaks of the same kind and place together; the oldest gives the age.
fn merge(leaks: &mut Vec<Leak>, leak: Leak) {
    let same = |other: &&mut Leak| {
        other.kind == leak.kind
            && other.acquired_at == leak.acquired_at
            && other.detail == leak.detail
    };
    match leaks.iter_mut().find(same) {
        Some(known) => {
            known.count += leak.count;
            known.age = known.age.max(leak.age);
        }
        None => leaks.push(leak),
    }
}
