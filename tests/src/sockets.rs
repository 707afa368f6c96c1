//! The TCP sockets that this process holds, as the kernel lists them.
//!
//! The ground truth for "no socket left open": `/proc/self/fd` names the
//! sockets behind this process's descriptors, `/proc/self/net/tcp` and `tcp6`
//! say where each leads. A socket that was closed is in neither, also while
//! the kernel keeps it for a while in `TIME_WAIT`.
//!
//! A test and its [`Server`](crate::Server) live in one process, which holds
//! both ends of each connection. [`to`] looks at the remote address only, so it
//! sees the client's end and not the server's.

use std::{
    collections::{HashMap, HashSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    os::fd::RawFd,
    time::Duration,
};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// A TCP socket that a descriptor of this process refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Socket {
    /// This end.
    pub local: SocketAddr,
    /// The other end; the unspecified address for a listening socket.
    pub remote: SocketAddr,
    /// What TCP thinks of it.
    pub state: State,
    /// The kernel's number for it.
    pub inode: u64,
}

/// The state of a TCP socket, by the kernel's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are TCP's own")]
pub enum State {
    Established,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    Other,
}

impl State {
    /// Reads the number that `/proc/net/tcp` shows (`include/net/tcp_states.h`).
    fn from_kernel(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => Self::Other,
        }
    }
}

/// Every TCP socket that this process holds.
///
/// # Panics
///
/// When `/proc` cannot be read: an empty answer would look like proof.
pub fn all() -> Vec<Socket> {
    let mut held = inodes();
    let mut listed: HashMap<u64, Socket> = HashMap::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        // A kernel without IPv6 has no tcp6.
        let Ok(text) = fs::read_to_string(table) else {
            assert!(table.ends_with('6'), "{table} cannot be read");
            continue;
        };
        listed.extend(text.lines().skip(1).filter_map(parse).map(|s| (s.inode, s)));
    }
    let mut sockets: Vec<Socket> = held.drain().filter_map(|i| listed.remove(&i)).collect();
    sockets.sort();
    sockets
}

/// The sockets that this process holds to `remote`, in any state.
///
/// # Panics
///
/// As [`all`].
pub fn to(remote: SocketAddr) -> Vec<Socket> {
    let mut sockets = all();
    sockets.retain(|socket| socket.remote == remote);
    sockets
}

/// The sockets that this process holds to `remote`, each by another descriptor than whoever has it: for
/// as long as one is kept, so is its socket. Reading from one does not block.
///
/// # Panics
///
/// As [`all`], and where `pidfd_getfd` is forbidden.
pub fn duplicates_to(remote: SocketAddr) -> Vec<TcpStream> {
    let inodes: HashSet<u64> = to(remote).iter().map(|socket| socket.inode).collect();
    let process = pidfd_open(getpid(), PidfdFlags::empty()).expect("this process is there");
    let mut seen = HashSet::new();
    descriptors()
        .filter(|(_, inode)| inodes.contains(inode) && seen.insert(*inode))
        .map(|(descriptor, _)| {
            let duplicate = pidfd_getfd(&process, descriptor, PidfdGetfdFlags::empty());
            TcpStream::from(duplicate.expect("nobody closes it meanwhile"))
        })
        .collect()
}

/// How many established connections this process holds to `remote`.
///
/// # Panics
///
/// As [`all`].
pub fn established_to(remote: SocketAddr) -> usize {
    to(remote)
        .iter()
        .filter(|socket| socket.state == State::Established)
        .count()
}

/// Waits until this process holds `count` sockets to `remote`.
///
/// Prefer a signal: when a server has seen the end of a connection, the
/// client's socket is gone, or will be within the same turn of its task. The
/// kernel announces nothing to whoever only looks, so this looks again and
/// again, a few hundred times a second.
///
/// # Panics
///
/// When it is not so within ten seconds, showing what is held; and as [`all`].
#[expect(
    clippy::disallowed_methods,
    reason = "there is no signal to wait for, as said above"
)]
pub async fn wait_until(remote: SocketAddr, count: usize) {
    let waiting = async {
        while to(remote).len() != count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(crate::server::DEADLINE, waiting)
        .await
        .is_err()
    {
        panic!(
            "waited for {count} sockets to {remote}, held are {:#?}",
            to(remote)
        );
    }
}

/// The inodes of all sockets behind this process's descriptors.
fn inodes() -> HashSet<u64> {
    descriptors().map(|(_, inode)| inode).collect()
}

/// This process's descriptors of sockets, each with the inode of its socket.
fn descriptors() -> impl Iterator<Item = (RawFd, u64)> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc/self/fd can be read");
    entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let link = fs::read_link(&path).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        let descriptor = path.file_name()?.to_str()?;
        Some((descriptor.parse().ok()?, inode.parse().ok()?))
    })
}

/// Reads a line such as
/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 …`.
fn parse(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = State::from_kernel(u8::from_str_radix(fields.next()?, 16).ok()?);
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket {
        local,
        remote,
        state,
        inode,
    })
}

/// Reads `0100007F:1F90`: each 32-bit word of the address in the machine's byte
/// order, the port in the usual one.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words: Vec<[u8; 4]> = (0..ip.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    let ip = match words.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(*word)),
        [_, _, _, _] => {
            let octets: [u8; 16] = words.concat().try_into().ok()?;
            // A dual-stack socket shows its IPv4 peer in the mapped form.
            Ipv6Addr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_kernel_is_read() {
        let line = "   3: 0100007F:1F90 0200007F:C350 01 00000000:00000000 00:00000000 \
                    00000000  1000        0 987654 1 0000000000000000 20 4 30 10 -1";
        let expected = Socket {
            local: "127.0.0.1:8080".parse().unwrap(),
            remote: "127.0.0.2:50000".parse().unwrap(),
            state: State::Established,
            inode: 987_654,
        };
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_ipv6_address_is_read() {
        assert_eq!(
            address("00000000000000000000000001000000:0050"),
            Some("[::1]:80".parse().unwrap())
        );
        assert_eq!(
            address("0000000000000000FFFF00000100007F:0050"),
            Some("127.0.0.1:80".parse().unwrap())
        );
    }

    #[test]
    fn a_socket_is_listed_while_it_is_held_and_not_after() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let remote = listener.local_addr().unwrap();
        assert_eq!(to(remote), []);

        let stream = std::net::TcpStream::connect(remote).unwrap();
        assert_eq!(established_to(remote), 1);
        assert_eq!(to(remote)[0].local, stream.local_addr().unwrap());

        drop(stream);
        assert_eq!(to(remote), []);
    }
}
