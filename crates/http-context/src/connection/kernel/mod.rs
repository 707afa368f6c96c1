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
mod proc_fs;
#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod sock_diag;
#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod tcp_info;
#[cfg(any(not(target_os = "linux"), http_context_no_kernel))]
mod unsupported;

use std::time::Duration;

use super::closes::SocketEnd;
use super::counters::SocketCounters;
use crate::facts::AddressPair;
#[cfg(any(not(target_os = "linux"), http_context_no_kernel))]
use unsupported as system;

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
mod system {
    pub(super) use super::announcements::{check_soon, flush, start};
    use super::{AddressPair, proc_fs, sock_diag};

    pub(super) fn held(addresses: &[AddressPair]) -> Option<Vec<AddressPair>> {
        sock_diag::held(addresses).or_else(|| {
            let held = proc_fs::held()?;
            let addresses = addresses.iter().copied();
            Some(addresses.filter(|pair| held.contains(pair)).collect())
        })
    }

    pub(super) use super::sock_diag::{closings, states};
}

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#[cfg(test)]
pub(super) use sock_diag::ASKING_SOCKETS;

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

/// Those of the addresses whose socket this process holds, or `None` where the operating system
/// cannot be asked.
///
/// Takes some microseconds for a connection; where `NETLINK_SOCK_DIAG` is not to be had, some
/// milliseconds in all, which grow with the number of sockets of the machine.
pub(super) fn held(addresses: &[AddressPair]) -> Option<Vec<AddressPair>> {
    system::held(addresses)
}

/// The state of each, or `None` where the operating system cannot be asked.
pub(super) fn states(addresses: &[AddressPair]) -> Option<Vec<SocketState>> {
    system::states(addresses)
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
