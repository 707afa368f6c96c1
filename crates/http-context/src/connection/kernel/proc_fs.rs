//! The slow way, for where the kernel takes no questions: the inodes behind `/proc/self/fd`, against those
//! in `/proc/self/net/tcp` and `tcp6`.
//!
//! A table that is masked, as container engines mask files of `/proc`, is no proof that there are no sockets.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::time::Duration;

use super::SocketState;
use crate::facts::AddressPair;

/// The states of a TCP socket, as the tables have them.
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;

/// What both tables begin with.
const HEADING: &str = "  sl  local_address";

/// The state of each TCP socket that this process holds; `None` where that does not show.
pub(super) fn held() -> Option<HashMap<AddressPair, SocketState>> {
    let inodes = socket_inodes()?;
    let mut held = HashMap::new();
    for name in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let table = match fs::read_to_string(name) {
            Ok(table) => table,
            // A kernel without IPv6 has no second table, and no sockets that would stand in it.
            Err(error) if error.kind() == ErrorKind::NotFound && name.ends_with('6') => continue,
            Err(_) => return None,
        };
        if !table.starts_with(HEADING) {
            return None;
        }
        let sockets = table.lines().skip(1).filter_map(parse_line);
        let sockets = sockets.filter(|(_, _, inode)| inodes.contains(inode));
        held.extend(sockets.map(|(addresses, state, _)| (addresses, state)));
    }
    Some(held)
}

fn socket_inodes() -> Option<HashSet<u64>> {
    let descriptors = socket_descriptors()?;
    Some(descriptors.map(|(_, inode)| inode).collect())
}

/// The descriptors of sockets that this process has, each with the inode of its socket.
pub(super) fn socket_descriptors() -> Option<impl Iterator<Item = (RawFd, u64)>> {
    let descriptors = fs::read_dir("/proc/self/fd").ok()?;
    let socket = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        let inode = target
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?;
        let descriptor = entry.file_name().to_str()?.parse().ok()?;
        Some((descriptor, inode.parse().ok()?))
    };
    Some(descriptors.flatten().filter_map(socket))
}

/// `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …`
fn parse_line(line: &str) -> Option<(AddressPair, SocketState, u64)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = parse_address(fields.next()?)?;
    let remote = parse_address(fields.next()?)?;
    let state = match u8::from_str_radix(fields.next()?, 16).ok()? {
        // When does not stand there: not after now.
        CLOSE_WAIT | LAST_ACK => SocketState::ClosedByPeer(Duration::ZERO),
        _ => SocketState::Open(None),
    };
    let inode = fields.nth(5)?.parse().ok()?;
    Some((AddressPair { local, remote }, state, inode))
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
        let (pair, state, inode) = parse_line(v4).unwrap();
        assert_eq!(state, SocketState::Open(None));
        assert_eq!(pair.local, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(pair.remote, "127.0.0.2:80".parse().unwrap());
        assert_eq!(inode, 4242);
        let left = v4.replace(" 01 ", " 08 ");
        let (_, state, _) = parse_line(&left).unwrap();
        assert_eq!(state, SocketState::ClosedByPeer(Duration::ZERO));
        let v6 = parse_address("00000000000000000000000001000000:0050");
        assert_eq!(v6, Some("[::1]:80".parse().unwrap()));
        let mapped = parse_address("0000000000000000FFFF00000100007F:0050");
        assert_eq!(mapped, Some("127.0.0.1:80".parse().unwrap()));
    }
}
