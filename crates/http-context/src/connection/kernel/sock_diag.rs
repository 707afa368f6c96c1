//! The quick way: asking the kernel for one socket by its addresses (`NETLINK_SOCK_DIAG`, see
//! `sock_diag(7)`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

use parking_lot::Mutex;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

use super::tcp_info::TcpInfo;
use super::{Closing, Sight, Socket, SocketState};
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
const ESTALE: i32 = 116;
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
const COOKIE: usize = HEADER + 4 + 40;
pub(super) const UNREAD: usize = HEADER + 4 + 48 + 4;
pub(super) const UNACKNOWLEDGED: usize = UNREAD + 4;
const INODE: usize = HEADER + 4 + 48 + 16;
pub(super) const ATTRIBUTES: usize = HEADER + 72;

/// So many sockets are asked for at once: the kernel has room for all the answers.
const AT_ONCE: usize = 32;

/// The addresses of those sockets that some process holds, or `None` when the kernel does not answer.
/// A socket with these addresses that is not ours cannot be where its number is known, short of a
/// descriptor that was handed to another process.
pub(super) fn held(sockets: &[Socket]) -> Option<Vec<AddressPair>> {
    let states = ask_each(sockets, 0, state)?;
    let held = sockets.iter().zip(states);
    let held = held.filter(|(_, state)| *state != SocketState::Gone);
    Some(held.map(|(socket, _)| socket.addresses).collect())
}

/// The state of each.
pub(super) fn states(sockets: &[Socket]) -> Option<Vec<SocketState>> {
    ask_each(sockets, WITH_INFO, state)
}

/// Whether the open socket with these addresses is shown, with its number, and its state.
pub(super) fn sight(addresses: AddressPair) -> (Sight, Option<SocketState>) {
    let asked = Socket {
        addresses,
        cookie: None,
    };
    let read = |answer: &[u8]| Some((read_sight(answer)?, state(answer)));
    let sights = ask_each(&[asked], WITH_INFO, read);
    sights
        .and_then(|mut all| all.pop())
        .unwrap_or((Sight::Unknown, None))
}

fn read_sight(answer: &[u8]) -> Option<Sight> {
    if !is_open(answer)? {
        return Some(Sight::NotShown);
    }
    let word = |at: usize| {
        let word = answer.get(at..at + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_ne_bytes(word)))
    };
    let number = word(COOKIE)? | word(COOKIE + 4)? << 32;
    NonZeroU64::new(number).map(Sight::Shown)
}

/// The number of the file of each socket, which its descriptors show; 0 where nobody has it open.
pub(super) fn inodes(sockets: &[Socket]) -> Option<Vec<u32>> {
    ask_each(sockets, 0, |answer| {
        let inode = || {
            Some(u32::from_ne_bytes(
                answer.get(INODE..INODE + 4)?.try_into().ok()?,
            ))
        };
        if is_open(answer)? { inode() } else { Some(0) }
    })
}

/// How far the close of each has come that this process holds no more. Only the side that closes
/// first waits for segments that come late, for a minute (`TIME_WAIT`); but it waits no longer once
/// it has reset what the other side sent after that. So one that does not wait may have been first
/// as well.
pub(super) fn closings(addresses: &[AddressPair]) -> Option<Vec<Closing>> {
    let whoever = addresses.iter().map(|pair| Socket {
        addresses: *pair,
        cookie: None,
    });
    ask_each(&whoever.collect::<Vec<_>>(), WITH_INFO, closing)
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
    sockets: &[Socket],
    extensions: u8,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    if sockets.is_empty() {
        return Some(Vec::new());
    }
    // While another thread asks, with a socket of its own.
    let Some(mut kept) = KEPT.try_lock() else {
        return ask_with(&connect()?, sockets, extensions, read);
    };
    let kernel = kept.take().or_else(connect)?;
    let answers = ask_with(&kernel, sockets, extensions, read);
    // An answer that was not read would be taken for one of the next question.
    *kept = answers.is_some().then_some(kernel);
    answers
}

fn ask_with<T>(
    kernel: &OwnedFd,
    sockets: &[Socket],
    extensions: u8,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(sockets.len());
    let mut answer = vec![0; 1024];
    for asked in sockets.chunks(AT_ONCE) {
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
fn ask(kernel: &OwnedFd, sockets: &[Socket], extensions: u8) -> Option<()> {
    let to_kernel = SocketAddrNetlink::new(0, 0);
    let mut question = Vec::with_capacity(REQUEST * sockets.len());
    for (number, socket) in (0..).zip(sockets) {
        request(&mut question, number, *socket, extensions);
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

/// Whether some process has it open; `None` where the answer does not say it.
fn is_open(answer: &[u8]) -> Option<bool> {
    if let Some(code) = error(answer) {
        // There is none, or another one has the addresses.
        return matches!(-code, ENOENT | ESTALE).then_some(false);
    }
    let inode = u32::from_ne_bytes(answer.get(INODE..INODE + 4)?.try_into().ok()?);
    let state = *answer.get(STATE)?;
    // A socket that its process has closed has no inode while the kernel winds it up. And a
    // listener on the local port is found where no connection is.
    Some(inode != 0 && state != LISTEN)
}

fn state(answer: &[u8]) -> Option<SocketState> {
    if !is_open(answer)? {
        return Some(SocketState::Gone);
    }
    let state = *answer.get(STATE)?;
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
    Socket { addresses, cookie }: Socket,
    extensions: u8,
) {
    #[allow(clippy::cast_possible_truncation, reason = "a small constant")]
    const LENGTH: u32 = REQUEST as u32;
    let AddressPair { local, remote } = addresses;
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
    // Any interface.
    request.extend([0; 4]);
    // Two words, the low one first. All ones ask for whichever socket it is.
    let cookie = cookie.map_or(u64::MAX, NonZeroU64::get);
    for word in [cookie & u64::from(u32::MAX), cookie >> 32] {
        #[expect(clippy::cast_possible_truncation, reason = "one of two halves")]
        request.extend((word as u32).to_ne_bytes());
    }
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
mod tests;
