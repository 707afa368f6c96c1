//! What the operating system says about this process's sockets.
//!
//! This is the ground truth of an exit: not whether the library believes that a connection is
//! closed, but whether the kernel still has its socket open in this process. It is also where closes
//! come from ([`KernelCloses`]).
//!
//! Built with `--cfg http_context_no_kernel` it asks nobody, on Linux too: so the tests are run as on
//! a system that shows no sockets.

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod announcements;
#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod cut;
#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod proc_fs;
#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod sock_diag;
#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod tcp_info;
#[cfg(any(not(target_os = "linux"), http_context_no_kernel))]
mod unsupported;

use std::num::NonZeroU64;
use std::time::Duration;

use super::closes::SocketEnd;
use super::counters::SocketCounters;
use crate::facts::AddressPair;
#[cfg(any(not(target_os = "linux"), http_context_no_kernel))]
use unsupported as system;

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod system {
    pub(super) use super::announcements::{check_soon, flush, start};
    pub(super) use super::cut::cut;
    use super::{AddressPair, Socket, SocketState, proc_fs, sock_diag};

    pub(super) fn held(sockets: &[Socket]) -> Option<Vec<AddressPair>> {
        sock_diag::held(sockets).or_else(|| {
            let held = proc_fs::held()?;
            let addresses = sockets.iter().map(|socket| socket.addresses);
            let is_held = |pair: &AddressPair| held.contains_key(&pair.canonical());
            Some(addresses.filter(is_held).collect())
        })
    }

    pub(super) fn states(sockets: &[Socket]) -> Option<Vec<SocketState>> {
        sock_diag::states(sockets).or_else(|| {
            let held = proc_fs::held()?;
            let state = |socket: &Socket| held.get(&socket.addresses.canonical()).copied();
            let states = sockets.iter().map(state);
            Some(states.map(|one| one.unwrap_or(SocketState::Gone)).collect())
        })
    }

    pub(super) use super::sock_diag::{closings, sight};
}

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#[cfg(test)]
pub(super) use sock_diag::ASKING_SOCKETS;

/// A socket that a session has opened.
#[cfg_attr(
    any(not(target_os = "linux"), http_context_no_kernel),
    expect(dead_code, reason = "nobody is asked for it")
)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) addresses: AddressPair,
    /// The kernel's number for it, which no other socket ever has, where it is known. The addresses
    /// alone may be those of another socket by now: of one that this process has opened past every
    /// session, say.
    pub(super) cookie: Option<NonZeroU64>,
}

/// What the kernel shows of a socket that whoever asks has open.
#[cfg_attr(
    any(not(target_os = "linux"), http_context_no_kernel),
    expect(dead_code, reason = "nobody says it")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The socket, by its number.
    Shown(NonZeroU64),
    /// Other sockets than those that this process has: a kernel without that part of it, or another
    /// network namespace. What it says of this one later is no evidence.
    NotShown,
    /// Nothing, or nobody has asked.
    Unknown,
}

/// What it shows of the open socket with these addresses, and its state. Takes some microseconds.
pub(super) fn sight(addresses: AddressPair) -> (Sight, Option<SocketState>) {
    system::sight(addresses)
}

/// Shuts each socket down in both directions, whoever has its descriptor. Says of each whether it was
/// done; not to one whose number is not known, or where the system forbids it.
///
/// Looks through all descriptors of the process, at about a microsecond for each.
pub(super) fn cut(sockets: &[Socket], is_ours: impl Fn(usize) -> bool) -> Vec<bool> {
    system::cut(sockets, is_ours)
}

/// How far the close of a socket has come.
#[cfg_attr(
    any(not(target_os = "linux"), http_context_no_kernel),
    expect(dead_code, reason = "nobody says it")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketState {
    /// The other end has not closed it; what is counted of it, where that is known.
    Open(Option<SocketCounters>),
    /// The other end has closed it, so long ago.
    ClosedByPeer(Duration),
    /// It is no socket of this process any more.
    Gone,
}

/// The addresses of those of the sockets that this process holds, or `None` where the operating
/// system cannot be asked.
///
/// Takes some microseconds for a connection; where `NETLINK_SOCK_DIAG` is not to be had, some
/// milliseconds in all, which grow with the number of sockets of the machine.
pub(super) fn held(sockets: &[Socket]) -> Option<Vec<AddressPair>> {
    system::held(sockets)
}

/// The state of each, or `None` where the operating system cannot be asked.
pub(super) fn states(sockets: &[Socket]) -> Option<Vec<SocketState>> {
    system::states(sockets)
}

/// What the operating system still shows of a socket that this process holds no more.
#[cfg_attr(
    any(not(target_os = "linux"), http_context_no_kernel),
    expect(dead_code, reason = "nobody says it")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Who closed it first, as far as that shows.
    By(SocketEnd),
    /// The process has closed it, but nothing of that is on the wire: before that stands data that
    /// the peer has no room for.
    NotBegun,
}

/// How far the close of each has come; `None` where the operating system cannot be asked.
pub(super) fn closings(addresses: &[AddressPair]) -> Option<Vec<Closing>> {
    system::closings(addresses)
}

/// The announcements of the Linux kernel; where there are none, nothing is announced.
///
/// One thread of the process listens to them, from the first connection on that has an observer. It
/// takes no privilege.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelCloses;

impl super::closes::ConnectionCloses for KernelCloses {
    fn start(&self, sink: super::closes::CloseSink) -> bool {
        system::start(sink)
    }

    fn check_soon(&self) {
        system::check_soon();
    }

    fn flush(&self) {
        system::flush();
    }
}
