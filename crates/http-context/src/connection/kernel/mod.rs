//! What the operating system says about this process's sockets.
//!
//! This is the ground truth of an exit: not whether the library believes that a connection is
//! closed, but whether the kernel still has its socket open in this process.

#[cfg(target_os = "linux")]
mod proc_fs;
#[cfg(target_os = "linux")]
mod sock_diag;
#[cfg(not(target_os = "linux"))]
mod unsupported;

use std::sync::LazyLock;

use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::facts::AddressPair;
use crate::identity::ConnectionId;
#[cfg(not(target_os = "linux"))]
use unsupported::ask;

/// Who last opened a connection with these addresses, in the whole process.
///
/// A port that was closed may come back in another session at once. An exit asks here before it
/// blames its own session for a socket that is open.
static OWNERS: LazyLock<Mutex<HashMap<AddressPair, ConnectionId>>> = LazyLock::new(Mutex::default);

pub(crate) fn claim(addresses: AddressPair, id: ConnectionId) {
    OWNERS.lock().insert(addresses, id);
}

pub(crate) fn release(addresses: AddressPair, id: ConnectionId) {
    let mut owners = OWNERS.lock();
    if owners.get(&addresses) == Some(&id) {
        owners.remove(&addresses);
    }
}

fn owns(addresses: AddressPair, id: ConnectionId) -> bool {
    OWNERS.lock().get(&addresses) == Some(&id)
}

/// Those of the given connections whose socket this process still holds, or `None` where the
/// operating system cannot be asked.
///
/// Takes some microseconds for a connection; where `NETLINK_SOCK_DIAG` is not to be had, some
/// milliseconds in all, which grow with the number of sockets of the machine.
pub(crate) fn still_held(connections: &[Connection]) -> Option<Vec<Connection>> {
    // One whose addresses have a new owner is closed.
    let ours = connections.iter().filter(|(pair, id)| owns(*pair, *id));
    ask(ours.copied())
}

/// A connection, by its addresses.
pub(crate) type Connection = (AddressPair, ConnectionId);

/// Those of the given connections whose socket this process still holds, whoever opened them, or
/// `None` where the operating system cannot be asked (anywhere but on Linux).
///
/// Takes some microseconds for a connection: not for every request.
pub fn held_connections(
    connections: &[(AddressPair, ConnectionId)],
) -> Option<Vec<(AddressPair, ConnectionId)>> {
    ask(connections.iter().copied())
}

#[cfg(target_os = "linux")]
fn ask(connections: impl Iterator<Item = Connection> + Clone) -> Option<Vec<Connection>> {
    sock_diag::held(connections.clone()).or_else(|| {
        let held = proc_fs::held()?;
        Some(
            connections
                .filter(|(pair, _)| held.contains(pair))
                .collect(),
        )
    })
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;

    /// A connected socket, its addresses, and the end of its peer.
    #[allow(clippy::unwrap_used, reason = "a part of tests")]
    pub(crate) fn socket(address: &str) -> (TcpStream, Connection, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let pair = AddressPair {
            local: socket.local_addr().unwrap(),
            remote: socket.peer_addr().unwrap(),
        };
        let (peer, _) = listener.accept().unwrap();
        (socket, (pair, ConnectionId::next()), peer)
    }

    #[test]
    fn both_ways_say_that_a_socket_is_held_from_connect_to_close() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (socket, connection, _peer) = socket(address);
            let by_proc = || proc_fs::held().unwrap().contains(&connection.0);
            let by_diag = || {
                !sock_diag::held([connection].into_iter())
                    .unwrap()
                    .is_empty()
            };
            assert!(by_proc() && by_diag(), "{address}");
            // The peer holds on, so the kernel keeps the socket without an owner (FIN-WAIT-2).
            drop(socket);
            assert!(!by_proc() && !by_diag(), "{address}");
        }
    }

    #[test]
    fn a_connection_is_not_held_by_a_listener_that_has_its_port_now() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let local = listener.local_addr().unwrap();
            let remote = SocketAddr::new(local.ip(), 1);
            let gone = (AddressPair { local, remote }, ConnectionId::next());
            assert_eq!(held_connections(&[gone]), Some(vec![]), "{address}");
            assert!(!proc_fs::held().unwrap().contains(&gone.0), "{address}");
        }
    }

    #[test]
    fn a_connection_whose_port_came_back_is_closed() {
        let (_socket, (pair, id), _peer) = socket("127.0.0.1:0");
        claim(pair, id);
        assert_eq!(still_held(&[(pair, id)]), Some(vec![(pair, id)]));
        let next = ConnectionId::next();
        claim(pair, next);
        assert_eq!(still_held(&[(pair, id)]), Some(vec![]));
        release(pair, id);
        assert_eq!(still_held(&[(pair, next)]), Some(vec![(pair, next)]));
        release(pair, next);
        assert_eq!(still_held(&[(pair, next)]), Some(vec![]), "nobody's now");
    }

    #[test]
    fn whoever_opened_them_connections_are_held_until_they_are_closed() {
        let (closed, gone, _peer) = socket("127.0.0.1:0");
        let (_socket, open, _other) = socket("127.0.0.1:0");
        assert_eq!(held_connections(&[gone, open]), Some(vec![gone, open]));
        drop(closed);
        assert_eq!(held_connections(&[gone, open]), Some(vec![open]));
    }
}
