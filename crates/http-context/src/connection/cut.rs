//! The last resort: cuts off sockets that somebody holds after their session has closed.

use std::sync::Arc;

use super::connection::Connection;
use super::kernel;
use super::ownership::{release_gone, still_held};
use super::registry::REGISTRY;
use crate::facts::{AddressPair, HeldSocket, Leak, LeakKind};
use crate::scope::Scope;

/// A connection whose socket was held for too long.
pub(crate) struct HeldConnection {
    pub(crate) connection: Arc<Connection>,
    pub(crate) socket: HeldSocket,
    /// Whether whoever held it has let it go by now.
    pub(crate) is_gone: bool,
}

impl HeldConnection {
    fn new(connection: Arc<Connection>, socket: HeldSocket) -> Self {
        Self {
            connection,
            socket,
            is_gone: false,
        }
    }

    /// Nothing was done with them.
    pub(super) fn all_open(held: Vec<Arc<Connection>>) -> Vec<Self> {
        let open = |connection| Self::new(connection, HeldSocket::StillOpen);
        held.into_iter().map(open).collect()
    }

    /// It as a leak of this context.
    pub(crate) fn leak(&self, scope: &Scope) -> Leak {
        let info = &self.connection.info;
        let mut leak = scope.leak(LeakKind::Connection, info.plain, info.opened.elapsed());
        leak.socket = Some(self.socket);
        leak.detail = info.addresses.map(|AddressPair { local, remote }| {
            let id = info.id;
            format!("connection {id} from {local} to {remote}")
        });
        leak
    }
}

/// Cuts off the sockets of these connections, which were found held, as far as the system allows it.
/// One that has closed by itself in the meantime is released, and not given back.
///
/// Takes about a microsecond for each descriptor of the process.
pub(super) fn cut_off(held: Vec<Arc<Connection>>) -> Vec<HeldConnection> {
    let (can_be_cut, mut left): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|one| one.can_be_cut());
    let mut all = Vec::new();
    if !can_be_cut.is_empty() {
        let sockets: Vec<_> = can_be_cut.iter().filter_map(|one| one.socket()).collect();
        let cut = kernel::cut(&sockets, |at| REGISTRY.has(&can_be_cut[at]));
        for (connection, is_cut) in can_be_cut.into_iter().zip(cut) {
            if is_cut {
                all.push(HeldConnection::new(connection, HeldSocket::Cut));
            } else {
                left.push(connection);
            }
        }
    }
    // Where the operating system cannot be asked any more, nothing says that they are open.
    let open = still_held(&left).unwrap_or_default();
    left.retain(|one| !open.iter().any(|open| Arc::ptr_eq(open, one)));
    release_gone(&left);
    all.extend(HeldConnection::all_open(open));
    all
}

#[cfg(all(test, target_os = "linux", not(http_context_no_kernel)))]
mod tests {
    use super::super::sample::{Sample, with_socket};
    use super::*;

    #[test]
    fn what_cannot_be_cut_off_is_answered_for_while_it_is_open() {
        let sample = Sample::new();
        let [(open, _held), (closed, held)] = [(); 2].map(|()| with_socket());
        let all = [open, closed].map(|addresses| sample.untold(addresses));
        for connection in &all {
            REGISTRY.insert(connection, false);
            assert!(!connection.can_be_cut());
        }
        drop(held);
        let left = cut_off(all.to_vec());
        let [open, closed] = &all;
        let [one] = &left[..] else {
            panic!("{} are left", left.len());
        };
        assert!(Arc::ptr_eq(&one.connection, open));
        assert_eq!(one.socket, HeldSocket::StillOpen);
        assert!(REGISTRY.has(open) && !REGISTRY.has(closed));
        REGISTRY.remove(open);
    }
}
