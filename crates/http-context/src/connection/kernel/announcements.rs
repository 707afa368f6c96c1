//! Closes as the Linux kernel announces them.
//!
//! The kernel announces each TCP socket that it destroys to whoever listens at the multicast
//! groups of `NETLINK_SOCK_DIAG`; that takes no privilege. One thread of the process listens, and
//! sleeps in between, so no runtime is kept alive or waited for. It learns of every socket of the
//! network namespace and looks each up in the registry, which costs less than a microsecond.
//!
//! An announcement can be late (a socket that waits for the other end to close is not destroyed)
//! or lost (the queue overflows). So after a session has closed, and after a loss, the thread has
//! the registry compared with this process's sockets. Where the kernel does not announce at
//! all, comparing is all that is left, and is done every second while a connection is open.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

use super::tcp_info::TcpInfo;
use super::{proc_fs, sock_diag};
use crate::connection::closes::{CloseEvent, CloseSink, ClosedSocket};
use crate::connection::counters::OwnFin;

/// The first and the third: `SKNLGRP_INET_TCP_DESTROY` and `SKNLGRP_INET6_TCP_DESTROY`.
const GROUPS: u32 = 0b101;
/// The queue for announcements, in bytes; the kernel caps it. One takes some hundred bytes.
const QUEUE: usize = 4 << 20;
/// The first comparison after a session has closed comes so late; each further one twice as late.
const FIRST_COMPARE: Duration = Duration::from_millis(20);
/// Comparisons are no further apart than this, while one is due.
const SLOWEST_COMPARE: Duration = Duration::from_secs(1);

static WATCH: OnceLock<Option<Watch>> = OnceLock::new();

/// Starts the thread of this process, which is never ended. Returns whether closes will be sent.
pub(super) fn start(sink: CloseSink) -> bool {
    let watch = WATCH.get_or_init(|| {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        let announcements = listen().ok();
        // With nothing to compare with either, no close would ever be seen.
        (announcements.is_some() || proc_fs::held().is_some()).then_some(Watch {
            sink,
            wake,
            announcements,
        })
    });
    let Some(watch) = watch else { return false };
    std::thread::Builder::new()
        .name("http-context-closes".into())
        .stack_size(256 << 10)
        .spawn(|| watch.run())
        .is_ok()
}

pub(super) fn check_soon() {
    if let Some(Some(watch)) = WATCH.get() {
        // It can only fail when it is set already.
        let _ = rustix::io::write(&watch.wake, &1_u64.to_ne_bytes());
    }
}

/// Reads what was announced so far on this thread, where it does not wait to be scheduled.
pub(super) fn flush() {
    if let Some(Some(watch)) = WATCH.get()
        && watch.read_announcements()
    {
        check_soon();
    }
}

struct Watch {
    sink: CloseSink,
    /// Readable when a comparison was asked for.
    wake: OwnedFd,
    /// `None` where the kernel cannot be listened to.
    announcements: Option<OwnedFd>,
}

fn listen() -> Result<OwnedFd, Errno> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    // As much as the kernel grants; an overflow is answered with a comparison.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, QUEUE);
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

impl Watch {
    fn run(&self) {
        let mut pause = self.next_pause(None, false);
        loop {
            let timeout = pause.map(|pause| Timespec {
                tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: pause.subsec_nanos().into(),
            });
            let mut sources = vec![PollFd::new(&self.wake, PollFlags::IN)];
            sources.extend(
                self.announcements
                    .iter()
                    .map(|socket| PollFd::new(socket, PollFlags::IN)),
            );
            match poll(&mut sources, timeout.as_ref()) {
                // The pause is over.
                Ok(0) => {
                    let is_due_again = self.send(CloseEvent::Compare);
                    pause = self.next_pause(pause, is_due_again);
                }
                Ok(_) => {
                    if self.take_wake() {
                        pause = Some(FIRST_COMPARE);
                    }
                    if self.read_announcements() {
                        // Some were lost.
                        pause = Some(FIRST_COMPARE);
                    }
                }
                Err(Errno::INTR) => {}
                // It cannot be watched any more: comparing is left.
                Err(_) => {
                    self.send(CloseEvent::Compare);
                    rest();
                }
            }
        }
    }

    /// How long to wait for the next comparison; `None` waits for a reason to make one.
    fn next_pause(&self, last: Option<Duration>, is_due_again: bool) -> Option<Duration> {
        if self.announcements.is_none() {
            return Some(SLOWEST_COMPARE);
        }
        let last = last.filter(|_| is_due_again)?;
        Some((last * 2).min(SLOWEST_COMPARE))
    }

    fn take_wake(&self) -> bool {
        let mut count = [0; 8];
        rustix::io::read(&self.wake, &mut count).is_ok()
    }

    /// Reads until there is nothing to read; says whether announcements were lost.
    fn read_announcements(&self) -> bool {
        let Some(socket) = &self.announcements else {
            return false;
        };
        let mut lost = false;
        let mut message = [0; 4096];
        loop {
            match recv(socket, &mut message, RecvFlags::DONTWAIT) {
                Ok((length, _)) => {
                    if let Some(socket) = destroyed(&message[..length.min(4096)]) {
                        self.send(CloseEvent::Closed(socket));
                    }
                }
                Err(Errno::NOBUFS) => lost = true,
                Err(Errno::INTR) => {}
                Err(_) => return lost,
            }
        }
    }

    fn send(&self, event: CloseEvent) -> bool {
        // A panic in there must not make this thread deaf.
        catch_unwind(AssertUnwindSafe(|| (self.sink)(event))).unwrap_or(false)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread runs no task, and has nothing else to wait for"
)]
fn rest() {
    std::thread::sleep(SLOWEST_COMPARE);
}

/// What an announcement says: a netlink header, an `inet_diag_msg`, and attributes.
fn destroyed(message: &[u8]) -> Option<ClosedSocket> {
    let mut socket = ClosedSocket::new(sock_diag::addresses(message)?);
    if let Some(info) = TcpInfo::find(message) {
        socket.counters = Some(info.counters);
        if info.counters.fin == OwnFin::Acknowledged {
            // The acknowledgement of the last FIN is the last segment that comes.
            socket.ago = info.since_last_segment;
        }
    }
    Some(socket)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;

    use super::*;
    use crate::connection::closes::SocketEnd;
    use crate::connection::counters::{FirstEnd, SocketCounters};
    use crate::facts::AddressPair;

    /// Which end closes first, and whether it has bytes unread by then, so that it resets.
    #[derive(Clone, Copy)]
    struct First {
        is_here: bool,
        resets: bool,
    }

    /// Connects and closes.
    fn close_one(family: &str, first: First) -> AddressPair {
        let listener = TcpListener::bind(family).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let pair = AddressPair {
            local: client.local_addr().unwrap(),
            remote: client.peer_addr().unwrap(),
        };
        let (peer, _) = listener.accept().unwrap();
        let First { is_here, resets } = first;
        let (first, mut second) = if is_here {
            (client, peer)
        } else {
            (peer, client)
        };
        if resets {
            second.write_all(b"unread").unwrap();
            // It has come.
            first.peek(&mut [0]).unwrap();
        }
        drop(first);
        let read = second.read(&mut [0]).map_err(|error| error.kind());
        let expected = if resets {
            Err(ErrorKind::ConnectionReset)
        } else {
            Ok(0)
        };
        assert_eq!(read, expected);
        pair
    }

    /// A watch without its thread, and what it sends.
    fn idle_watch(announcements: Option<OwnedFd>) -> (Watch, mpsc::Receiver<CloseEvent>) {
        let (sent, events) = mpsc::channel();
        let watch = Watch {
            sink: Box::new(move |event| {
                assert!(sent.send(event).is_ok(), "on purpose");
                false
            }),
            wake: eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
            announcements,
        };
        (watch, events)
    }

    #[test]
    fn each_close_is_announced_with_its_addresses_and_what_shows_of_who_was_first() {
        const PATIENCE: Timespec = Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        let (watch, events) = idle_watch(Some(listen().unwrap()));
        let (here, peer) = (SocketEnd::Here, SocketEnd::Peer);
        let cases = ["127.0.0.1:0", "[::1]:0"].into_iter().flat_map(|family| {
            let ends = [
                (true, false, FirstEnd::Surely(here)),
                (false, false, FirstEnd::Surely(peer)),
                (false, true, FirstEnd::Surely(peer)),
                // No segment without data came, as a reset of the peer is; a FIN with data would look alike.
                (true, true, FirstEnd::Likely(here)),
            ];
            ends.map(|(is_here, resets, end)| (close_one(family, First { is_here, resets }), end))
        });
        let mut missing: Vec<_> = cases.collect();
        while !missing.is_empty() {
            let queue = watch.announcements.as_ref().unwrap();
            let mut queue = [PollFd::new(queue, PollFlags::IN)];
            assert_eq!(poll(&mut queue, Some(&PATIENCE)), Ok(1), "{missing:?}");
            assert!(!watch.read_announcements(), "some were lost");
            for event in events.try_iter() {
                let CloseEvent::Closed(socket) = event else {
                    continue;
                };
                assert!(socket.ago < Duration::from_secs(5), "{socket:?}");
                let counters = socket.counters.unwrap();
                let end = counters.first_end(&SocketCounters::CONNECTED, Duration::ZERO);
                missing.retain(|missing| *missing != (socket.addresses, end));
            }
        }
    }

    #[test]
    fn a_sink_that_panics_leaves_the_watch_alive() {
        let (watch, events) = idle_watch(None);
        drop(events);
        assert!(!watch.send(CloseEvent::Compare));
        assert!(!watch.send(CloseEvent::Compare));
    }

    #[test]
    fn comparisons_become_rarer_and_go_on_for_ever_only_where_nothing_is_announced() {
        let (listens, _) = idle_watch(Some(listen().unwrap()));
        let doubled = Some(FIRST_COMPARE * 2);
        assert_eq!(listens.next_pause(Some(FIRST_COMPARE), true), doubled);
        let slowest = Some(SLOWEST_COMPARE);
        assert_eq!(listens.next_pause(slowest, true), slowest);
        assert_eq!(listens.next_pause(slowest, false), None);
        assert_eq!(listens.next_pause(None, false), None);
        let (deaf, _) = idle_watch(None);
        assert_eq!(deaf.next_pause(Some(FIRST_COMPARE), true), slowest);
        assert_eq!(deaf.next_pause(None, false), slowest);
    }

    #[test]
    fn what_is_no_announcement_is_passed_over() {
        assert_eq!(destroyed(&[]), None);
        assert_eq!(destroyed(&[0; 20]), None);
        assert_eq!(destroyed(&[0; 380]), None, "an unknown family");
    }
}
