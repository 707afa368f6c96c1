//! Why and when a connection is said to have closed.

use std::time::Duration;

use reqwest::Version;
use tokio::time::Instant;

use super::{Connection, SocketGone, State};
use crate::connection::closes::SocketEnd;
use crate::connection::counters::{FirstEnd, SocketCounters};
use crate::connection::traffic::DROP_CLOSES_WITHIN;
use crate::facts::CloseReason;

/// hyper knows that a connection is idle before the caller's task has seen the end of the body; how
/// much before depends on what else the runtime has to do.
const IDLE_TOLERANCE: Duration = Duration::from_secs(1);

impl Connection {
    /// Why and when it closed: by what the operating system shows of its end, and else by the first
    /// evidence. Where there is neither, it closed for what it had a reason to close for.
    pub(super) fn judge(&self, state: &State, gone: SocketGone) -> (CloseReason, Instant) {
        let (first, at) = (state.evidence, gone.at);
        let end = self.first_end(state, gone);
        let at = match (end, first) {
            // The peer was first, before what this side had begun to do showed.
            (
                FirstEnd::Surely(SocketEnd::Peer) | FirstEnd::Likely(SocketEnd::Peer),
                Some((CloseReason::SessionClosed, _)),
            ) => at,
            (_, first) => first.map_or(at, |(_, first)| first.min(at)),
        };
        // Asked for also where it is known who closed first: a request that was cancelled closes
        // one connection, and not the next one as well.
        let had_reason = first.is_none()
            && end != FirstEnd::Surely(SocketEnd::Peer)
            && (was_dropped(state, at)
                || self.is_idle_for_too_long(state, at)
                || state.version != Some(Version::HTTP_2) && self.traffic.take_cancelled(at));
        let is_ours = match (end, first) {
            (FirstEnd::Surely(end), _) => end == SocketEnd::Here,
            (_, Some((CloseReason::Remote, _))) => false,
            // What was counted when it was used last is too long ago to say more than that.
            (FirstEnd::Likely(_), None)
                if self.traffic.keep_alive > IDLE_TOLERANCE
                    && self.is_idle_for_too_long(state, at) =>
            {
                true
            }
            (FirstEnd::Likely(end), _) => end == SocketEnd::Here,
            (FirstEnd::Unknown, Some(_)) => true,
            (FirstEnd::Unknown, None) => {
                had_reason || gone.counters.is_some() && may_close_when_asked(state)
            }
        };
        let reason = if self.info.plain.is_some() && first.is_none() {
            self.reason_unseen(end, at)
        } else if !is_ours {
            CloseReason::Remote
        } else if first.is_none() && self.is_idle_for_too_long(state, at) {
            CloseReason::IdleTimeout
        } else {
            CloseReason::SessionClosed
        };
        let dropped = state.dropped.filter(|_| is_ours && was_dropped(state, at));
        (reason, dropped.map_or(at, |dropped| dropped.min(at)))
    }

    /// Why one closed whose use nobody sees, and whose session had not closed: what this side did may
    /// be for anything, but that it was idle for too long takes that time.
    fn reason_unseen(&self, end: FirstEnd, at: Instant) -> CloseReason {
        let age = at.saturating_duration_since(self.info.opened);
        match end {
            FirstEnd::Surely(SocketEnd::Peer) | FirstEnd::Likely(SocketEnd::Peer) => {
                CloseReason::Remote
            }
            FirstEnd::Unknown => CloseReason::Unknown,
            _ if age >= self.traffic.keep_alive => CloseReason::Unknown,
            _ => CloseReason::SessionClosed,
        }
    }

    /// Who sent the first FIN or RST: what the operating system shows of it, and else what it has
    /// counted.
    fn first_end(&self, state: &State, gone: SocketGone) -> FirstEnd {
        if state.is_left_by_peer {
            return FirstEnd::Surely(SocketEnd::Peer);
        }
        match (gone.end, gone.counters) {
            (SocketEnd::Unknown, Some(counters)) => {
                let connected = (SocketCounters::CONNECTED, self.info.opened);
                let (open, at) = state.open.unwrap_or(connected);
                counters.first_end(&open, gone.at.saturating_duration_since(at))
            }
            (SocketEnd::Unknown, None) => FirstEnd::Unknown,
            (end, _) => FirstEnd::Surely(end),
        }
    }

    /// Whether it has carried nothing for so long that this side has closed it, by its `keep_alive`:
    /// for where nobody can be asked. Of one that nobody observes, or a plain client has, it is not known when it carried
    /// something, and its age decides.
    pub(in crate::connection) fn is_long_idle(&self, now: Instant) -> bool {
        let since = if self.is_observed() && self.info.plain.is_none() {
            self.state.lock().idle_since
        } else {
            Some(self.info.opened)
        };
        let keep_alive = self.traffic.keep_alive;
        since.is_some_and(|since| now.saturating_duration_since(since) >= keep_alive * 2)
    }

    fn is_idle_for_too_long(&self, state: &State, at: Instant) -> bool {
        let idle = state
            .idle_since
            .map(|since| at.saturating_duration_since(since));
        let tolerance = IDLE_TOLERANCE.min(self.traffic.keep_alive / 4);
        !was_dropped(state, at)
            && idle.is_some_and(|idle| idle + tolerance >= self.traffic.keep_alive)
    }
}

/// With HTTP/2 a peer that is about to close says so, and this side closes at that what it is done
/// with. What fails for it was still in use.
fn may_close_when_asked(state: &State) -> bool {
    state.version == Some(Version::HTTP_2) && state.requests > 0 && !state.has_failed
}

fn was_dropped(state: &State, now: Instant) -> bool {
    state
        .dropped
        .is_some_and(|at| now.saturating_duration_since(at) < DROP_CLOSES_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Sample, without_socket};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_a_plain_client_s_connection_no_more_is_said_than_is_known() {
        let (sample, keep_alive) = (Sample::new(), Duration::from_mins(2));
        let [here, peer, nobody] = [SocketEnd::Here, SocketEnd::Peer, SocketEnd::Unknown];
        for (age, end, reason) in [
            (Duration::ZERO, here, CloseReason::SessionClosed),
            (Duration::ZERO, peer, CloseReason::Remote),
            (Duration::ZERO, nobody, CloseReason::Unknown),
            (keep_alive, here, CloseReason::Unknown),
            (keep_alive, peer, CloseReason::Remote),
        ] {
            let connection = sample.plain(without_socket(3, 1));
            tokio::time::advance(age).await;
            let gone = connection.gone(&SocketGone::now(end));
            assert_eq!(gone, super::super::Gone::Reported);
            let reported = sample.reported.take();
            assert_eq!(reported[0].reason, reason, "{age:?} {end:?}");
        }
        let connection = sample.plain(without_socket(3, 1));
        let opened = connection.info.opened;
        assert!(!connection.is_long_idle(opened + keep_alive));
        assert!(connection.is_long_idle(opened + keep_alive * 2));
    }
}
