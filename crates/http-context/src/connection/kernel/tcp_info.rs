//! What the kernel's `tcp_info` says of a socket, behind its `inet_diag_msg`.

use std::time::Duration;

use super::sock_diag::{ATTRIBUTES, INET_DIAG_INFO, UNACKNOWLEDGED, UNREAD};
use crate::connection::counters::{OwnFin, SocketCounters};

/// What is needed of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TcpInfo {
    /// Since the last segment of the peer that acknowledged anything.
    pub(super) since_last_segment: Duration,
    pub(super) counters: SocketCounters,
}

impl TcpInfo {
    /// Reads an answer or an announcement. `None` where the kernel is too old to count what is
    /// needed.
    pub(super) fn find(message: &[u8]) -> Option<Self> {
        let unread = word(message, UNREAD)?;
        let unacknowledged = word(message, UNACKNOWLEDGED)?;
        // Behind the header and the `inet_diag_msg` stand attributes.
        let mut attributes = message.get(ATTRIBUTES..)?;
        loop {
            let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
            let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
            let info = attributes.get(4..length)?;
            if kind == INET_DIAG_INFO {
                return Self::read(info, unread, unacknowledged);
            }
            attributes = attributes.get(length.next_multiple_of(4)..)?;
        }
    }

    fn read(info: &[u8], unread: u32, unacknowledged: u32) -> Option<Self> {
        let sent = Sent {
            unacknowledged: unacknowledged.into(),
            bytes_acknowledged: long(info, 120)?,
            bytes: long(info, 200)?,
            bytes_again: long(info, 208)?,
            bytes_waiting: word(info, 144)?.into(),
        };
        let [data_segments_in, data_segments_out] = [word(info, 152)?, word(info, 156)?];
        let since_last_segment = Duration::from_millis(word(info, 56)?.into());
        let counters = SocketCounters {
            received: long(info, 128)?,
            unread,
            data_segments_in,
            bare_segments_in: word(info, 140)?.wrapping_sub(data_segments_in),
            data_segments_out,
            bare_segments_out: word(info, 136)?.wrapping_sub(data_segments_out),
            outstanding: word(info, 24)?,
            fin: sent.fin(),
        };
        Some(Self {
            since_last_segment,
            counters,
        })
    }
}

/// What this side has written.
struct Sent {
    /// Bytes that were written and not acknowledged. A FIN counts as one.
    unacknowledged: u64,
    /// The SYN and the FIN count as one each, when they are.
    bytes_acknowledged: u64,
    /// Data alone, what was sent again among it.
    bytes: u64,
    bytes_again: u64,
    /// Written and not sent.
    bytes_waiting: u64,
}

impl Sent {
    /// All that is in the sequence of this side but for the SYN and the data is the FIN, which may
    /// still stand behind data that the peer has no room for.
    fn fin(&self) -> OwnFin {
        if self.bytes_acknowledged + self.bytes_again == self.bytes + 2 {
            return OwnFin::Acknowledged;
        }
        let written = self.bytes_acknowledged + self.unacknowledged;
        let sent = written.saturating_sub(self.bytes_waiting);
        if sent + self.bytes_again > self.bytes + 1 {
            OwnFin::Sent
        } else {
            OwnFin::NotSent
        }
    }
}

fn word(message: &[u8], at: usize) -> Option<u32> {
    let bytes = message.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes))
}

fn long(message: &[u8], at: usize) -> Option<u64> {
    let bytes = message.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written and acknowledged, data and what was sent again of it, and what waits to be sent.
    fn fin(written: u64, acknowledged: u64, data: u64, again: u64, waiting: u64) -> OwnFin {
        let sent = Sent {
            unacknowledged: written - acknowledged,
            bytes_acknowledged: acknowledged,
            bytes: data,
            bytes_again: again,
            bytes_waiting: waiting,
        };
        sent.fin()
    }

    #[test]
    fn the_sequence_of_this_side_shows_how_far_its_fin_is() {
        // The SYN is one.
        assert_eq!(fin(1, 1, 0, 0, 0), OwnFin::NotSent);
        assert_eq!(fin(2, 1, 0, 0, 0), OwnFin::Sent);
        assert_eq!(fin(2, 2, 0, 0, 0), OwnFin::Acknowledged);
        // With a hundred bytes of data, on their way or there.
        assert_eq!(fin(101, 1, 100, 0, 0), OwnFin::NotSent);
        assert_eq!(fin(101, 101, 100, 0, 0), OwnFin::NotSent);
        assert_eq!(fin(102, 1, 100, 0, 0), OwnFin::Sent);
        assert_eq!(fin(102, 101, 100, 0, 0), OwnFin::Sent);
        assert_eq!(fin(102, 102, 100, 0, 0), OwnFin::Acknowledged);
        // Half of them sent twice.
        assert_eq!(fin(101, 101, 150, 50, 0), OwnFin::NotSent);
        assert_eq!(fin(102, 51, 150, 50, 0), OwnFin::Sent);
        assert_eq!(fin(102, 102, 150, 50, 0), OwnFin::Acknowledged);
        // The peer has room for sixty of them: the rest waits, and what comes after it.
        assert_eq!(fin(102, 61, 60, 0, 41), OwnFin::NotSent);
        assert_eq!(fin(102, 1, 60, 0, 41), OwnFin::NotSent);
    }
}
