//! The quick way: asking the kernel for one socket by its addresses (`NETLINK_SOCK_DIAG`, see
//! `sock_diag(7)`).

use std::io;
use std::net::{IpAddr, SocketAddr};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr};

use super::Connection;
use crate::facts::AddressPair;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const ENOENT: i32 = 2;
const TCP_LISTEN: u8 = 10;

/// A netlink header, the fixed part of the question, and the identity of a socket.
const REQUEST: usize = 16 + 8 + 48;
/// Where the answer, behind its header, has the state of the socket, and where its inode.
const STATE: usize = 16 + 1;
const INODE: usize = 16 + 4 + 48 + 16;

/// Those of the connections whose socket some process holds, or `None` when the kernel does not
/// answer. One with these addresses that is not ours cannot be, short of a descriptor that was
/// handed to another process.
pub(super) fn held(connections: impl Iterator<Item = Connection>) -> Option<Vec<Connection>> {
    let mut kernel = None;
    let mut held = Vec::new();
    for connection in connections {
        let kernel = match &kernel {
            Some(kernel) => kernel,
            None => kernel.insert(connect().ok()?),
        };
        if is_held(kernel, connection.0)? {
            held.push(connection);
        }
    }
    Some(held)
}

fn connect() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&NetlinkAddr::new(0, 0))?;
    // The answer is there when the question has been sent: never wait for it.
    socket.set_non_blocking(true)?;
    Ok(socket)
}

fn is_held(kernel: &Socket, addresses: AddressPair) -> Option<bool> {
    kernel.send(&request(addresses), 0).ok()?;
    let mut answer = Vec::with_capacity(512);
    kernel.recv(&mut answer, 0).ok()?;
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    if kind == NLMSG_ERROR {
        let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
        return (code == -ENOENT).then_some(false);
    }
    let inode = u32::from_ne_bytes(answer.get(INODE..INODE + 4)?.try_into().ok()?);
    // A socket that its process has closed has no inode while the kernel winds it up. And a
    // listener on the local port is found where no connection is.
    Some(inode != 0 && answer[STATE] != TCP_LISTEN)
}

fn request(AddressPair { local, remote }: AddressPair) -> Vec<u8> {
    #[allow(clippy::cast_possible_truncation, reason = "a small constant")]
    const LENGTH: u32 = REQUEST as u32;
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut request = Vec::with_capacity(REQUEST);
    request.extend(LENGTH.to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family, IPPROTO_TCP, 0, 0]);
    // Sockets in any state.
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(local.port().to_be_bytes());
    request.extend(remote.port().to_be_bytes());
    request.extend(words(local));
    request.extend(words(remote));
    // Any interface; and no cookie, which is all ones.
    request.extend([0; 4]);
    request.extend([u8::MAX; 8]);
    request
}

fn words(address: SocketAddr) -> [u8; 16] {
    match address.ip() {
        IpAddr::V4(ip) => {
            let mut words = [0; 16];
            words[..4].copy_from_slice(&ip.octets());
            words
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}
