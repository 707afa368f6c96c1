//! Shuts down sockets of this process that somebody else holds.
//!
//! A descriptor that is known by its number alone may be another one a moment later. So it is
//! duplicated first, by `pidfd_getfd`, which wants no privilege of a process for its own descriptors;
//! the *duplicate* then says which socket it is, and is shut down if it is the one. Some systems forbid
//! that call, such as Docker by its default profile: there nothing is cut.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use hashbrown::HashMap;
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketAddrAny, getpeername, getsockname, shutdown, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::{Socket, proc_fs, sock_diag};
use crate::facts::AddressPair;

/// So often a descriptor is looked for that whoever has it may have moved in the meantime.
const TRIES: u32 = 3;

pub(super) fn cut(sockets: &[Socket], is_ours: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut cut = vec![false; sockets.len()];
    let Ok(process) = pidfd_open(getpid(), PidfdFlags::empty()) else {
        return cut;
    };
    for _ in 0..TRIES {
        let left = |at: &usize| !cut[*at] && sockets[*at].cookie.is_some();
        let left: Vec<_> = (0..sockets.len()).filter(left).collect();
        let asked: Vec<_> = left.iter().map(|at| sockets[*at]).collect();
        let inodes = sock_diag::inodes(&asked).unwrap_or_default();
        let wanted = left
            .into_iter()
            .zip(inodes)
            .filter(|(_, inode)| *inode != 0);
        let wanted: HashMap<u32, usize> = wanted.map(|(at, inode)| (inode, at)).collect();
        if wanted.is_empty() {
            break;
        }
        for (descriptor, inode) in proc_fs::socket_descriptors().into_iter().flatten() {
            let Some(at) = u32::try_from(inode)
                .ok()
                .and_then(|inode| wanted.get(&inode))
            else {
                continue;
            };
            if cut[*at] {
                continue;
            }
            let duplicate = match pidfd_getfd(&process, descriptor, PidfdGetfdFlags::empty()) {
                Ok(duplicate) => duplicate,
                // It is forbidden, or the system does not know it.
                Err(Errno::PERM | Errno::NOSYS) => return cut,
                // It was closed in the meantime.
                Err(_) => continue,
            };
            if is_of(&duplicate, sockets[*at]) == Some(true) && is_ours(*at) {
                cut[*at] = shutdown(duplicate, Shutdown::Both).is_ok();
            }
        }
    }
    cut
}

/// Whether this is a descriptor of that socket, where the system says it.
fn is_of(descriptor: &OwnedFd, socket: Socket) -> Option<bool> {
    let cookie = sockopt::socket_cookie(descriptor).ok()?;
    let addresses = AddressPair {
        local: address(&getsockname(descriptor).ok()?)?,
        remote: address(&getpeername(descriptor).ok()??)?,
    };
    Some(socket.cookie?.get() == cookie && is_same(addresses, socket.addresses))
}

fn address(address: &SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address.clone()).ok()
}

/// A dual-stack socket shows an IPv4 peer in the mapped form.
fn is_same(one: AddressPair, other: AddressPair) -> bool {
    let is_same = |one: SocketAddr, other: SocketAddr| {
        one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
    };
    is_same(one.local, other.local) && is_same(one.remote, other.remote)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

    use super::super::Sight;
    use super::*;

    fn of(stream: &TcpStream) -> Socket {
        let addresses = AddressPair {
            local: stream.local_addr().unwrap(),
            remote: stream.peer_addr().unwrap(),
        };
        Socket {
            addresses,
            cookie: match sock_diag::sight(addresses).0 {
                Sight::Shown(number) => Some(number),
                other => panic!("{other:?}"),
            },
        }
    }

    fn has_ended(mut stream: &TcpStream) -> bool {
        stream.set_nonblocking(true).unwrap();
        match stream.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Closes it, and connects another one between the same addresses: of the protocol whose ports few
    /// others use, since one that another connection rests on cannot be had again.
    fn replaced(stream: TcpStream, addresses: AddressPair) -> Result<TcpStream, Errno> {
        // With a reset, so that the addresses are free at once.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
        drop(stream);
        let socket = socket(AddressFamily::INET6, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &addresses.local)?;
        connect(&socket, &addresses.remote)?;
        Ok(socket.into())
    }

    #[test]
    fn addresses_are_the_same_in_either_form_and_differ_in_each_of_their_parts() {
        let pair = |local: &str, remote: &str| AddressPair {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        };
        let one = pair("192.0.2.1:1", "192.0.2.2:2");
        assert!(is_same(one, one));
        assert!(is_same(
            one,
            pair("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2")
        ));
        for (local, remote) in [
            ("192.0.2.9:1", "192.0.2.2:2"),
            ("192.0.2.1:9", "192.0.2.2:2"),
            ("192.0.2.1:1", "192.0.2.9:2"),
            ("192.0.2.1:1", "192.0.2.2:9"),
        ] {
            assert!(!is_same(one, pair(local, remote)), "{local} {remote}");
        }
    }

    #[test]
    fn a_socket_is_cut_off_whoever_has_it_and_its_neighbour_is_not() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let [held, neighbour] = [connect(), connect()];
            let (peer, _) = listener.accept().unwrap();
            let another = held.try_clone().unwrap();
            assert_eq!(cut(&[of(&held)], |_| true), [true], "{address}");
            assert!(has_ended(&held) && has_ended(&another) && has_ended(&peer));
            assert!(!has_ended(&neighbour));
        }
    }

    #[test]
    fn nothing_is_cut_that_is_not_known_by_its_number_or_has_another_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = of(&held);
        let unknown = Socket {
            cookie: None,
            ..socket
        };
        assert_eq!(cut(&[unknown], |_| true), [false]);
        assert_eq!(cut(&[socket], |_| false), [false]);
        assert!(!has_ended(&held));
    }

    #[test]
    fn a_socket_with_the_addresses_of_one_that_is_gone_is_another_one() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let first = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let gone = of(&first);
        let second = replaced(first, gone.addresses).unwrap();
        assert_eq!(of(&second).addresses, gone.addresses);
        assert_eq!(sock_diag::held(&[gone]), Some(vec![]));
        assert_eq!(cut(&[gone], |_| true), [false]);
        assert!(!has_ended(&second));
        assert_eq!(cut(&[of(&second)], |_| true), [true]);
    }

    #[test]
    fn a_socket_that_takes_addresses_and_a_descriptor_meanwhile_is_never_cut_off() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut cut_off = 0;
        for _ in 0..50 {
            let all: Vec<_> = (0..40)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            let sockets: Vec<_> = all.iter().map(of).collect();
            let asked = sockets.clone();
            let others = thread::spawn(move || {
                let all = all.into_iter().zip(sockets).rev();
                // The addresses of one that was cut off may have to rest.
                let all = all.flat_map(|(one, socket)| replaced(one, socket.addresses));
                all.collect::<Vec<_>>()
            });
            let cut = cut(&asked, |_| true);
            cut_off += cut.iter().filter(|is_cut| **is_cut).count();
            let others = others.join().unwrap();
            assert!(!others.iter().any(has_ended));
            // There is room for more.
            while listener.accept().is_ok() {}
        }
        assert!(cut_off > 0, "the two never met");
    }
}
