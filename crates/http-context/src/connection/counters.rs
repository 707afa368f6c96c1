//! What the operating system counts of a socket, and what that says of its end.
//!
//! Who sent the first FIN or RST is what a capture of the wire shows, and what the kernel says of no
//! socket that is gone. But it counts: the bytes that came, in which a FIN is one, and the segments,
//! with data and without. A FIN that stands alone is a byte that no segment with data has brought; a
//! peer that sends nothing but acknowledgements sends no more segments without data than there was
//! to acknowledge.

use std::time::Duration;

use super::closes::SocketEnd;

/// Counts of one socket, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketCounters {
    /// Bytes that came. A FIN is one more.
    pub(super) received: u64,
    /// Of those, what nobody has read.
    pub(super) unread: u32,
    pub(super) data_segments_in: u32,
    /// Segments that came without data: acknowledgements, and a SYN, FIN or RST.
    pub(super) bare_segments_in: u32,
    pub(super) data_segments_out: u32,
    /// As of what came.
    pub(super) bare_segments_out: u32,
    /// Segments that were sent and not acknowledged.
    pub(super) outstanding: u32,
    pub(super) fin: OwnFin,
}

/// How far the FIN of this side has come.
#[cfg_attr(
    any(not(target_os = "linux"), http_context_no_kernel),
    allow(dead_code, reason = "only tests say it")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnFin {
    /// There is none, or it stands behind data that the peer has no room for.
    NotSent,
    Sent,
    Acknowledged,
}

/// Who sent the first FIN or RST, as far as counts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstEnd {
    /// It cannot have been the other side.
    Surely(SocketEnd),
    /// What else is known may say otherwise.
    Likely(SocketEnd),
    Unknown,
}

/// Each side may ask so often whether the other one is still there; the answer is an acknowledgement, and
/// so is the question.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);

impl SocketCounters {
    /// Those of a connection that was made and has carried nothing: the SYN of the peer came.
    pub(super) const CONNECTED: Self = Self {
        received: 0,
        unread: 0,
        data_segments_in: 0,
        bare_segments_in: 1,
        data_segments_out: 0,
        // A SYN, and the acknowledgement of that of the peer.
        bare_segments_out: 2,
        outstanding: 0,
        fin: OwnFin::NotSent,
    };

    /// Who ended the connection first, by the counts of its end, where the kernel does not show that
    /// this side was (`TIME_WAIT`): it does wherever the FIN of the peer came after that of this side.
    /// `open` are counts of an earlier moment, when the peer had not closed it; `since` says how long
    /// ago that was.
    pub(super) fn first_end(&self, open: &Self, since: Duration) -> FirstEnd {
        use FirstEnd::{Likely, Surely, Unknown};
        use SocketEnd::{Here, Peer};
        if open.fin != OwnFin::NotSent {
            return Surely(Here);
        }
        let has_data = self.data_segments_in != open.data_segments_in;
        let nothing_came = self.received == open.received;
        let bare = self.bare_segments_in.wrapping_sub(open.bare_segments_in);
        let bare = u64::from(bare);
        let is_fin = !nothing_came && !has_data;
        // What there was to acknowledge, but for the FIN of this side.
        let sent = self.data_segments_out.wrapping_sub(open.data_segments_out);
        let probes = 2 * since.as_secs() / BETWEEN_PROBES.as_secs();
        let acknowledged = u64::from(sent) + u64::from(open.outstanding) + probes;
        match self.fin {
            // One side has reset it. This one resets what it closes with bytes unread, and sends a
            // FIN before that, where it has time for it.
            OwnFin::NotSent if is_fin || bare > acknowledged || self.unread == 0 => Surely(Peer),
            OwnFin::NotSent if nothing_came => Unknown,
            // A reset of the peer is a segment without data; so this one has reset it, and a FIN of the peer
            // before that would have to have come with data.
            OwnFin::NotSent if bare == 0 => Likely(Here),
            OwnFin::NotSent => Likely(Peer),
            // The peer has reset it after that, with one more segment, or before it knew.
            OwnFin::Sent if is_fin || bare > acknowledged + 1 => Surely(Peer),
            OwnFin::Sent => Surely(Here),
            // Without one of its own the peer acknowledges that of this side at the most. One that
            // acknowledges it is an answer.
            OwnFin::Acknowledged if nothing_came || bare == 0 || is_fin && bare == 1 => {
                Surely(Here)
            }
            OwnFin::Acknowledged if is_fin || bare > acknowledged + 1 => Surely(Peer),
            // With one it also has to acknowledge that of this side, unless its own came with data.
            OwnFin::Acknowledged if bare == 1 => Likely(Here),
            // The FIN of a peer that closes as this side does is seldom read.
            OwnFin::Acknowledged if self.unread > 0 => Likely(Peer),
            OwnFin::Acknowledged if *open == Self::CONNECTED => Unknown,
            // Acknowledgements mostly come with data, or for several segments.
            OwnFin::Acknowledged
                if bare >= 2 + u64::from(sent / 3) + self.asked_since(open, since) =>
            {
                Likely(Peer)
            }
            OwnFin::Acknowledged => Likely(Here),
        }
    }

    /// How often this side is likely to have asked whether the peer is still there: what it sent without
    /// data, and neither for data that came, nor for the FIN of either side.
    fn asked_since(&self, open: &Self, since: Duration) -> u64 {
        if since < BETWEEN_PROBES {
            return 0;
        }
        let came = self.data_segments_in.wrapping_sub(open.data_segments_in);
        let bare = self.bare_segments_out.wrapping_sub(open.bare_segments_out);
        u64::from(bare).saturating_sub(u64::from(came) + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a connection that has carried a request and its response.
    const ANSWERED: SocketCounters = SocketCounters {
        received: 77,
        data_segments_in: 1,
        data_segments_out: 1,
        bare_segments_in: 2,
        ..SocketCounters::CONNECTED
    };
    const AT_ONCE: Duration = Duration::ZERO;
    const HERE: FirstEnd = FirstEnd::Surely(SocketEnd::Here);
    const PEER: FirstEnd = FirstEnd::Surely(SocketEnd::Peer);

    /// `counters` after more segments came: so many bytes of data, and so many segments without.
    fn later(counters: SocketCounters, data: u64, bare: u32, fin: OwnFin) -> SocketCounters {
        SocketCounters {
            received: counters.received + data,
            data_segments_in: counters.data_segments_in + u32::from(data > 1),
            bare_segments_in: counters.bare_segments_in + bare,
            fin,
            ..counters
        }
    }

    #[test]
    fn a_byte_that_no_data_brought_is_the_fin_of_the_peer() {
        for fin in [OwnFin::NotSent, OwnFin::Sent, OwnFin::Acknowledged] {
            let mut end = later(ANSWERED, 1, 2, fin);
            end.unread = 1;
            assert_eq!(end.first_end(&ANSWERED, AT_ONCE), PEER, "{fin:?}");
        }
    }

    #[test]
    fn where_nothing_came_this_side_was_first() {
        for fin in [OwnFin::Sent, OwnFin::Acknowledged] {
            let end = later(ANSWERED, 0, 1, fin);
            assert_eq!(end.first_end(&ANSWERED, AT_ONCE), HERE, "{fin:?}");
        }
    }

    #[test]
    fn a_fin_that_acknowledges_that_of_this_side_answers_it() {
        let end = later(ANSWERED, 1, 1, OwnFin::Acknowledged);
        assert_eq!(end.first_end(&ANSWERED, AT_ONCE), HERE);
    }

    #[test]
    fn a_socket_whose_fin_was_sent_when_it_was_open_was_first_whatever_came() {
        let open = later(ANSWERED, 0, 0, OwnFin::Sent);
        let end = later(open, 18, 9, OwnFin::Acknowledged);
        assert_eq!(end.first_end(&open, AT_ONCE), HERE);
    }

    #[test]
    fn more_segments_than_acknowledge_what_was_sent_are_an_end_of_the_peer() {
        let ended = |data_out, bare, fin| {
            let mut end = later(ANSWERED, 17, bare, fin);
            end.unread = 17;
            end.data_segments_out += data_out;
            end.first_end(&ANSWERED, AT_ONCE)
        };
        for (data_out, bare) in [(0, 1), (2, 3)] {
            assert_eq!(ended(data_out, bare, OwnFin::NotSent), PEER);
            assert_eq!(ended(data_out, bare + 1, OwnFin::Sent), PEER);
            assert_eq!(ended(data_out, bare + 1, OwnFin::Acknowledged), PEER);
            let no_bare_segment = bare == 1;
            let likely = FirstEnd::Likely(if no_bare_segment {
                SocketEnd::Here
            } else {
                SocketEnd::Peer
            });
            assert_eq!(ended(data_out, bare - 1, OwnFin::NotSent), likely);
            assert_eq!(ended(data_out, bare, OwnFin::Sent), HERE);
        }
        let likely = FirstEnd::Likely;
        assert_eq!(ended(1, 2, OwnFin::Acknowledged), likely(SocketEnd::Peer));
        assert_eq!(ended(1, 1, OwnFin::Acknowledged), likely(SocketEnd::Here));
        assert_eq!(ended(1, 0, OwnFin::Acknowledged), HERE);
    }

    #[test]
    fn the_more_was_sent_the_more_acknowledgements_say_nothing_of_the_peer() {
        let ended = |data_out, bare| {
            let mut end = later(ANSWERED, 17, bare, OwnFin::Acknowledged);
            end.data_segments_out += data_out;
            end.first_end(&ANSWERED, AT_ONCE)
        };
        let [here, peer] = [SocketEnd::Here, SocketEnd::Peer].map(FirstEnd::Likely);
        for (data_out, bare, end) in [(1, 1, here), (2, 2, peer), (3, 2, here), (3, 3, peer)] {
            assert_eq!(ended(data_out, bare), end, "{data_out}, {bare}");
        }
        // Of all that went over it, nothing follows.
        let mut end = later(SocketCounters::CONNECTED, 17, 3, OwnFin::Acknowledged);
        end.data_segments_out = 3;
        assert_eq!(
            end.first_end(&SocketCounters::CONNECTED, AT_ONCE),
            FirstEnd::Unknown
        );
    }

    #[test]
    fn answers_to_what_this_side_asked_say_nothing_of_an_end() {
        let ended = |asked: u32, bare| {
            let mut end = later(ANSWERED, 17, bare, OwnFin::Acknowledged);
            // The data that came and the FIN of the peer are acknowledged, and this side has sent its own.
            end.bare_segments_out += 3 + asked;
            end.first_end(&ANSWERED, Duration::from_secs(2 * 60))
        };
        let [here, peer] = [SocketEnd::Here, SocketEnd::Peer].map(FirstEnd::Likely);
        assert_eq!(ended(8, 8 + 1), here);
        assert_eq!(ended(8, 8 + 2), peer);
    }

    #[test]
    fn what_was_not_acknowledged_yet_is_acknowledged_later() {
        let open = SocketCounters {
            outstanding: 2,
            ..ANSWERED
        };
        let end = later(open, 17, 3, OwnFin::Acknowledged);
        assert_eq!(
            end.first_end(&open, AT_ONCE),
            FirstEnd::Likely(SocketEnd::Peer)
        );
        let end = later(open, 17, 4, OwnFin::Acknowledged);
        assert_eq!(end.first_end(&open, AT_ONCE), PEER);
    }

    #[test]
    fn a_reset_of_a_socket_with_nothing_unread_is_that_of_the_peer() {
        let end = later(ANSWERED, 0, 0, OwnFin::NotSent);
        assert_eq!(end.first_end(&ANSWERED, AT_ONCE), PEER);
        let end = SocketCounters { unread: 5, ..end };
        assert_eq!(end.first_end(&ANSWERED, AT_ONCE), FirstEnd::Unknown);
    }

    #[test]
    fn a_peer_that_asks_whether_this_side_is_there_has_not_ended_the_connection() {
        let end = later(ANSWERED, 77, 20, OwnFin::Acknowledged);
        let connected = SocketCounters::CONNECTED;
        assert_eq!(end.first_end(&connected, AT_ONCE), PEER);
        let minute = Duration::from_secs(60);
        assert_eq!(end.first_end(&connected, minute), FirstEnd::Unknown);
    }
}
