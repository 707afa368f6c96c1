//! The quick way: asking the kernel for one socket by its addresses (`NETLINK_SOCK_DIAG`, see
//! `sock_diag(7)`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use parking_lot::Mutex;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

use super::tcp_info::TcpInfo;
use super::{Closing, SocketState};
use crate::connection::closes::SocketEnd;
use crate::connection::counters::OwnFin;
use crate::facts::AddressPair;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const ENOENT: i32 = 2;
/// The states of a TCP socket.
const FIN_WAIT_1: u8 = 4;
const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const LISTEN: u8 = 10;
const CLOSING: u8 = 11;
/// Asks for the attribute `INET_DIAG_INFO`, a `tcp_info`.
const WITH_INFO: u8 = 1 << (INET_DIAG_INFO - 1);
pub(super) const INET_DIAG_INFO: u16 = 2;

/// A netlink header, the fixed part of the question, and the identity of a socket.
const REQUEST: usize = 16 + 8 + 48;
/// Where the answer, behind its header, has the state of the socket, where its two queues, where its
/// inode, and where its attributes begin.
const HEADER: usize = 16;
/// Where an answer has the number of its question.
const NUMBER: usize = 8;
const STATE: usize = HEADER + 1;
pub(super) const UNREAD: usize = HEADER + 4 + 48 + 4;
pub(super) const UNACKNOWLEDGED: usize = UNREAD + 4;
const INODE: usize = HEADER + 4 + 48 + 16;
pub(super) const ATTRIBUTES: usize = HEADER + 72;

/// So many sockets are asked for at once: the kernel has room for all the answers.
const AT_ONCE: usize = 32;

/// Those of the addresses whose socket some process holds, or `None` when the kernel does not
/// answer. A socket with these addresses that is not ours cannot be, short of a descriptor that was
/// handed to another process.
pub(super) fn held(addresses: &[AddressPair]) -> Option<Vec<AddressPair>> {
    let states = ask_each(addresses, 0, state)?;
    let held = addresses.iter().zip(states);
    let held = held.filter(|(_, state)| *state != SocketState::Gone);
    Some(held.map(|(pair, _)| *pair).collect())
}

/// The state of each.
pub(super) fn states(addresses: &[AddressPair]) -> Option<Vec<SocketState>> {
    ask_each(addresses, WITH_INFO, state)
}

/// How far the close of each has come that this process holds no more. Only the side that closes
/// first waits for segments that come late, for a minute (`TIME_WAIT`); but it waits no longer once
/// it has reset what the other side sent after that. So one that does not wait may have been first
/// as well.
pub(super) fn closings(addresses: &[AddressPair]) -> Option<Vec<Closing>> {
    ask_each(addresses, WITH_INFO, closing)
}

fn closing(answer: &[u8]) -> Option<Closing> {
    if error(answer).is_some() {
        return Some(Closing::By(SocketEnd::Unknown));
    }
    let fin = || TcpInfo::find(answer).map(|info| info.counters.fin);
    Some(match *answer.get(STATE)? {
        FIN_WAIT_1 if fin() == Some(OwnFin::NotSent) => Closing::NotBegun,
        FIN_WAIT_1 | FIN_WAIT_2 | TIME_WAIT | CLOSING => Closing::By(SocketEnd::Here),
        LAST_ACK => Closing::By(SocketEnd::Peer),
        // Another connection has the addresses by now, or a listener.
        _ => Closing::By(SocketEnd::Unknown),
    })
}

/// The socket to ask with, from the first question on. Nobody waits for it.
static KEPT: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Asks for all of them through one socket, and reads each answer.
fn ask_each<T>(
    addresses: &[AddressPair],
    extensions: u8,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    if addresses.is_empty() {
        return Some(Vec::new());
    }
    // While another thread asks, with a socket of its own.
    let Some(mut kept) = KEPT.try_lock() else {
        return ask_with(&connect()?, addresses, extensions, read);
    };
    let kernel = kept.take().or_else(connect)?;
    let answers = ask_with(&kernel, addresses, extensions, read);
    // An answer that was not read would be taken for one of the next question.
    *kept = answers.is_some().then_some(kernel);
    answers
}

fn ask_with<T>(
    kernel: &OwnedFd,
    addresses: &[AddressPair],
    extensions: u8,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(addresses.len());
    let mut answer = vec![0; 1024];
    for asked in addresses.chunks(AT_ONCE) {
        ask(kernel, asked, extensions)?;
        // The kernel answers each in turn.
        for number in 0_u32.. {
            if number as usize == asked.len() {
                break;
            }
            // The answers are there when the question has been sent: never wait for them.
            let (length, _) = recv(kernel, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
            let answer = answer.get(..length)?;
            let answered = answer.get(NUMBER..NUMBER + 4)?;
            if answered != number.to_ne_bytes() {
                return None;
            }
            all.push(read(answer)?);
        }
    }
    Some(all)
}

#[cfg(test)]
thread_local! {
    /// How many sockets this thread has made to ask with.
    pub(in crate::connection) static ASKING_SOCKETS: std::cell::Cell<u32> =
        const { std::cell::Cell::new(0) };
}

fn connect() -> Option<OwnedFd> {
    #[cfg(test)]
    ASKING_SOCKETS.set(ASKING_SOCKETS.get() + 1);
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    socket_with(
        AddressFamily::NETLINK,
        kind,
        flags,
        Some(netlink::SOCK_DIAG),
    )
    .ok()
}

/// Sends one question for all of them.
fn ask(kernel: &OwnedFd, addresses: &[AddressPair], extensions: u8) -> Option<()> {
    let to_kernel = SocketAddrNetlink::new(0, 0);
    let mut question = Vec::with_capacity(REQUEST * addresses.len());
    for (number, pair) in (0..).zip(addresses) {
        request(&mut question, number, *pair, extensions);
    }
    sendto(kernel, &question, SendFlags::empty(), &to_kernel).ok()?;
    Some(())
}

/// The code, where the answer is an error.
fn error(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
    (kind == NLMSG_ERROR).then_some(code)
}

fn state(answer: &[u8]) -> Option<SocketState> {
    if let Some(code) = error(answer) {
        return (code == -ENOENT).then_some(SocketState::Gone);
    }
    let inode = u32::from_ne_bytes(answer.get(INODE..INODE + 4)?.try_into().ok()?);
    let state = *answer.get(STATE)?;
    // A socket that its process has closed has no inode while the kernel winds it up. And a
    // listener on the local port is found where no connection is.
    if inode == 0 || state == LISTEN {
        return Some(SocketState::Gone);
    }
    // Also where this side has closed its half, and waits for the other one.
    if !matches!(state, CLOSE_WAIT | LAST_ACK) {
        let counters = TcpInfo::find(answer).map(|info| info.counters);
        return Some(SocketState::Open(counters));
    }
    // The last segment of a peer that has closed is its close.
    let ago = TcpInfo::find(answer).map(|info| info.since_last_segment);
    Some(SocketState::ClosedByPeer(ago.unwrap_or_default()))
}

/// The addresses in an answer or an announcement.
pub(super) fn addresses(message: &[u8]) -> Option<AddressPair> {
    let body = message.get(HEADER..)?;
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    let address = |at: usize| match *body.first()? {
        AF_INET => {
            let octets: [u8; 4] = body.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::V4(Ipv4Addr::from(octets)))
        }
        AF_INET6 => {
            let octets: [u8; 16] = body.get(at..at + 16)?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).to_canonical())
        }
        _ => None,
    };
    // family, state, timer, retrans: 4 bytes; then the two ports and the two addresses.
    Some(AddressPair {
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
    })
}

fn request(
    request: &mut Vec<u8>,
    number: u32,
    AddressPair { local, remote }: AddressPair,
    extensions: u8,
) {
    #[allow(clippy::cast_possible_truncation, reason = "a small constant")]
    const LENGTH: u32 = REQUEST as u32;
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    request.extend(LENGTH.to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    request.extend(number.to_ne_bytes());
    request.extend([0; 4]);
    request.extend([family, IPPROTO_TCP, extensions, 0]);
    // Sockets in any state.
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(local.port().to_be_bytes());
    request.extend(remote.port().to_be_bytes());
    request.extend(words(local));
    request.extend(words(remote));
    // Any interface; and no cookie, which is all ones.
    request.extend([0; 4]);
    request.extend([u8::MAX; 8]);
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::connection::kernel::proc_fs;

    fn is_open(pair: AddressPair) -> bool {
        matches!(states(&[pair]).unwrap()[..], [SocketState::Open(Some(_))])
    }

    /// A connected socket, its addresses, and the end of its peer.
    fn socket(address: &str) -> (TcpStream, AddressPair, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let pair = AddressPair {
            local: socket.local_addr().unwrap(),
            remote: socket.peer_addr().unwrap(),
        };
        let (peer, _) = listener.accept().unwrap();
        (socket, pair, peer)
    }

    #[test]
    fn both_ways_say_that_a_socket_is_held_from_connect_to_close() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (socket, pair, _peer) = socket(address);
            let by_proc = || proc_fs::held().unwrap().contains(&pair);
            let by_diag = || held(&[pair]).unwrap() == [pair];
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
            let gone = AddressPair { local, remote };
            assert_eq!(held(&[gone]), Some(vec![]), "{address}");
            assert!(!proc_fs::held().unwrap().contains(&gone), "{address}");
        }
    }

    #[test]
    fn a_socket_whose_half_this_side_has_closed_is_not_closed_by_its_peer() {
        let (socket, pair, _peer) = socket("127.0.0.1:0");
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(is_open(pair));
    }

    #[test]
    fn a_socket_that_its_peer_has_closed_is_held_and_says_so() {
        let (mut socket, pair, peer) = socket("127.0.0.1:0");
        assert!(is_open(pair));
        drop(peer);
        // The end is read once it is there.
        assert_eq!(socket.read(&mut [0]).unwrap(), 0);
        let state = states(&[pair]).unwrap()[0];
        assert!(matches!(state, SocketState::ClosedByPeer(ago) if ago < Duration::from_secs(5)));
        assert_eq!(held(&[pair]), Some(vec![pair]));
    }

    #[test]
    fn however_many_are_asked_for_one_socket_asks() {
        let sockets: Vec<_> = (0..=AT_ONCE).map(|_| socket("127.0.0.1:0")).collect();
        let pairs: Vec<_> = sockets.iter().map(|(_, pair, _)| *pair).collect();
        let before = ASKING_SOCKETS.get();
        assert_eq!(held(&pairs), Some(pairs));
        assert!(ASKING_SOCKETS.get() <= before + 1);
    }

    #[test]
    fn a_socket_whose_fin_stands_behind_data_has_not_begun_to_close() {
        let (mut socket, pair, mut peer) = socket("127.0.0.1:0");
        socket.set_nonblocking(true).unwrap();
        // Until the peer has no room for more.
        while std::io::Write::write(&mut socket, &[0; 1 << 14]).is_ok() {}
        drop(socket);
        assert_eq!(closings(&[pair]), Some(vec![Closing::NotBegun]));
        std::io::copy(&mut peer, &mut std::io::sink()).unwrap();
        let here = Closing::By(SocketEnd::Here);
        assert_eq!(closings(&[pair]), Some(vec![here]));
    }
}
