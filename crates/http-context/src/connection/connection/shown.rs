//! What the kernel shows of a connection's socket while that is open.

use tokio::time::Instant;

use super::Connection;
use crate::connection::counters::SocketCounters;
use crate::connection::kernel::{self, Sight, Socket, SocketState};
use crate::facts::CloseReason;

impl Connection {
    /// Whether it makes sense to ask the kernel for its socket.
    pub(in crate::connection) fn is_shown(&self) -> bool {
        self.sight != Sight::NotShown
    }

    /// Its socket, where that has addresses and the kernel can be asked for it.
    pub(in crate::connection) fn socket(&self) -> Option<Socket> {
        let cookie = match self.sight {
            Sight::Shown(number) => Some(number),
            Sight::Unknown => None,
            Sight::NotShown => return None,
        };
        let addresses = self.info.addresses?;
        Some(Socket { addresses, cookie })
    }

    /// Whether its socket can be told from every other one, and so be cut off.
    pub(in crate::connection) fn can_be_cut(&self) -> bool {
        matches!(self.sight, Sight::Shown(_))
    }

    /// Asks what is counted of its socket. With HTTP/2 the peer may ask this side to close it, which
    /// nobody learns of here, and the counts of its end say the more the younger these are.
    pub(super) fn look(&self) {
        let states = self.socket().and_then(|socket| kernel::states(&[socket]));
        self.note_state(states.and_then(|mut states| states.pop()));
    }

    /// What its socket shows now.
    pub(in crate::connection) fn note_state(&self, shown: Option<SocketState>) {
        let now = Instant::now();
        match shown {
            Some(SocketState::Open(counters)) => {
                let mut state = self.state.lock();
                state.open = counters.map(|counters| (counters, now)).or(state.open);
            }
            Some(SocketState::ClosedByPeer(ago)) => {
                self.peer_closed(now.checked_sub(ago).unwrap_or(now));
            }
            Some(SocketState::Gone) | None => {}
        }
    }

    /// Its session closes it now, unless the peer has done so before. `open` is what is counted of
    /// its socket, which the peer has not closed so far.
    pub(in crate::connection) fn session_closed(&self, now: Instant, open: Option<SocketCounters>) {
        let mut state = self.state.lock();
        if state.gone.is_none() {
            state.open = open.map(|counters| (counters, now)).or(state.open);
            let session_closed = (CloseReason::SessionClosed, now);
            state.evidence.get_or_insert(session_closed);
        }
    }

    /// The peer had closed it by then.
    pub(in crate::connection) fn peer_closed(&self, at: Instant) {
        let mut state = self.state.lock();
        if state.gone.is_none() {
            let at = at.max(self.info.opened);
            state.is_left_by_peer = true;
            // Also where its session was about to: the socket shows that it has not done so yet.
            state.evidence = match state.evidence {
                Some((CloseReason::Remote, first)) => Some((CloseReason::Remote, first.min(at))),
                _ => Some((CloseReason::Remote, at)),
            };
        }
    }
}
