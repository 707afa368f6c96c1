//! What the operating system says about this process's sockets.
//!
//! This is the ground truth of an exit: not whether the library believes that a connection is
//! closed, but whether the kernel still has its socket open in this process.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::connection::AddressPair;
use crate::id::ConnectionId;

/// Who last opened a connection with these addresses, in the whole process.
///
/// A port that was closed may come back in another session at once. An exit asks here before it
/// blames its own session for a socket that is open.
static OWNERS: LazyLock<Mutex<HashMap<AddressPair, ConnectionId>>> = LazyLock::new(Mutex::default);

fn owners() -> MutexGuard<'static, HashMap<AddressPair, ConnectionId>> {
    OWNERS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn claim(addresses: AddressPair, id: ConnectionId) {
    owners().insert(addresses, id);
}

pub(crate) fn release(addresses: AddressPair, id: ConnectionId) {
    let mut owners = owners();
    if owners.get(&addresses) == Some(&id) {
        owners.remove(&addresses);
    }
}

fn owns(addresses: AddressPair, id: ConnectionId) -> bool {
    owners().get(&addresses) == Some(&id)
}

/// Those of the given connections whose socket this process still holds, or `None` where the
/// operating system cannot be asked. Reads files: not for a runtime's thread.
pub(crate) fn still_held(
    connections: &[(AddressPair, ConnectionId)],
) -> Option<Vec<(AddressPair, ConnectionId)>> {
    let held = held()?;
    let is_held =
        |(pair, id): &&(AddressPair, ConnectionId)| held.contains(pair) && owns(*pair, *id);
    Some(connections.iter().filter(is_held).copied().collect())
}

/// The address pairs of all TCP sockets that this process holds, or `None` where the operating
/// system cannot be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn held() -> Option<HashSet<AddressPair>> {
    None
}

#[cfg(target_os = "linux")]
pub(crate) use linux::held;

#[cfg(target_os = "linux")]
mod linux {
    //! The inodes behind `/proc/self/fd`, against those in `/proc/self/net/tcp` and `tcp6`.

    use std::fs;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::{AddressPair, HashSet};

    pub(crate) fn held() -> Option<HashSet<AddressPair>> {
        let inodes = socket_inodes()?;
        let mut held = HashSet::new();
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            // A machine without IPv6 has no second table.
            let Ok(table) = fs::read_to_string(table) else {
                continue;
            };
            held.extend(
                table
                    .lines()
                    .skip(1)
                    .filter_map(parse_line)
                    .filter(|(_, inode)| inodes.contains(inode))
                    .map(|(pair, _)| pair),
            );
        }
        Some(held)
    }

    fn socket_inodes() -> Option<HashSet<u64>> {
        let descriptors = fs::read_dir("/proc/self/fd").ok()?;
        let inode = |entry: fs::DirEntry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            inode.parse().ok()
        };
        Some(descriptors.flatten().filter_map(inode).collect())
    }

    /// `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …`
    fn parse_line(line: &str) -> Option<(AddressPair, u64)> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = parse_address(fields.next()?)?;
        let remote = parse_address(fields.next()?)?;
        let inode = fields.nth(6)?.parse().ok()?;
        Some((AddressPair { local, remote }, inode))
    }

    /// Hexadecimal, in words of the machine's byte order: `0100007F:1F90` is 127.0.0.1:8080.
    fn parse_address(text: &str) -> Option<SocketAddr> {
        let (address, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let word = |at: usize| {
            let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
            Some(word.to_ne_bytes())
        };
        let ip = match address.len() {
            8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
            32 => {
                let mut bytes = [0; 16];
                for (n, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                    chunk.copy_from_slice(&word(n * 8)?);
                }
                // A dual-stack socket shows an IPv4 peer in the mapped form.
                Ipv6Addr::from(bytes).to_canonical()
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        #[cfg(target_endian = "little")]
        fn addresses_are_read_as_the_kernel_writes_them() {
            let v4 = "   0: 0100007F:1F90 0200007F:0050 01 0:0 00:0 0 0 0 4242 1";
            let (pair, inode) = parse_line(v4).unwrap();
            assert_eq!(pair.local, "127.0.0.1:8080".parse().unwrap());
            assert_eq!(pair.remote, "127.0.0.2:80".parse().unwrap());
            assert_eq!(inode, 4242);
            let v6 = parse_address("00000000000000000000000001000000:0050");
            assert_eq!(v6, Some("[::1]:80".parse().unwrap()));
            let mapped = parse_address("0000000000000000FFFF00000100007F:0050");
            assert_eq!(mapped, Some("127.0.0.1:80".parse().unwrap()));
        }

        #[test]
        fn a_socket_is_held_from_connect_to_drop() {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let pair = AddressPair {
                local: socket.local_addr().unwrap(),
                remote: socket.peer_addr().unwrap(),
            };
            assert!(held().unwrap().contains(&pair));
            drop(socket);
            assert!(!held().unwrap().contains(&pair));
        }
    }
}
