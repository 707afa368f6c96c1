//! One connection: what it carries, when it is idle, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Version;
use tokio::time::Instant;

use super::closes::SocketEnd;
use super::counters::SocketCounters;
use super::kernel::Sight;
use super::registry::REGISTRY;
use super::traffic::Traffic;
use crate::facts::{CloseReason, ConnectionClosed, ConnectionInfo, ConnectionUse};
use crate::observer::Observers;
use crate::scope::MadeConnection;
use crate::sync::{Mutex, MutexGuard};

/// The kernel announces a close when nothing refers to the socket any more, and does so in the
/// background.
const ANNOUNCED_WITHIN: Duration = Duration::from_millis(500);

pub use snapshot::ConnectionSnapshot;

/// A connection of this process, from its open to its close.
pub(crate) struct Connection {
    pub(crate) info: Arc<ConnectionInfo>,
    /// Those of the context that opened it. They are notified of its close, also when a pool has
    /// handed it on.
    observers: Observers,
    /// That of the session that opened it, which a pool may hand on.
    pub(super) traffic: Arc<Traffic>,
    /// Whether its close will be seen.
    is_seen: bool,
    /// What the kernel has shown of its socket while that was being opened.
    sight: Sight,
    /// Nothing of a user runs under it. The lock of the traffic is taken under it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: u32,
    requests: u64,
    version: Option<Version>,
    idle_since: Option<Instant>,
    /// When a request or a body on it was dropped, and with HTTP/1.1 the connection with it, unless
    /// hyper had read all that was left of it.
    dropped: Option<Instant>,
    /// Why and when it closed, once there is evidence: the first that came.
    evidence: Option<(CloseReason, Instant)>,
    /// Whether its socket was found closed by the peer and not by this side.
    is_left_by_peer: bool,
    /// What was counted of its socket when it was found open for the last time.
    open: Option<(SocketCounters, Instant)>,
    /// Whether a request on it has failed, and none was answered since. With HTTP/2 that may have
    /// been one stream alone.
    has_failed: bool,
    /// When its socket was found to be missing, whose close was not announced.
    missing: Option<Instant>,
    /// What is known of its socket, once that is gone.
    gone: Option<SocketGone>,
    /// Whether observers were notified of the close.
    is_reported: bool,
}

impl State {
    fn note_dropped(&mut self) {
        if self.version != Some(Version::HTTP_2) {
            self.dropped = Some(Instant::now());
        }
    }
}

/// What is known of a socket that is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketGone {
    /// Who closed it first, where that still shows of it.
    pub(super) end: SocketEnd,
    pub(super) at: Instant,
    /// What was counted of it by its end.
    pub(super) counters: Option<SocketCounters>,
}

impl SocketGone {
    /// It is found to be gone.
    pub(super) fn now(end: SocketEnd) -> Self {
        Self::at(end, Instant::now())
    }

    /// It was found to be gone then.
    pub(super) fn at(end: SocketEnd, at: Instant) -> Self {
        Self {
            end,
            at,
            counters: None,
        }
    }
}

/// What becomes of a connection whose socket is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// Its end was reported.
    Reported,
    /// A response of it may still come to its caller: [`Connection::report_end`] has to follow.
    MayBeAnswered,
    /// It was known to be gone before.
    Before,
}

impl Connection {
    pub(super) fn new(
        info: Arc<ConnectionInfo>,
        observers: Observers,
        traffic: &Arc<Traffic>,
        is_seen: bool,
        sight: Sight,
    ) -> Self {
        let state = State {
            // Of one whose use is not seen it is never known.
            idle_since: info.plain.is_none().then_some(info.opened),
            version: info.is_http2.then_some(Version::HTTP_2),
            ..State::default()
        };
        Self {
            info,
            observers,
            traffic: Arc::clone(traffic),
            is_seen,
            sight,
            state: Mutex::new(state),
        }
    }

    /// Whether its close will be seen.
    pub(super) fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// Whether anybody is notified of its close.
    pub(super) fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    /// A response head came over it. Returns whether it had carried one before, and how long it had
    /// been idle when the request was sent.
    pub(super) fn answered(
        &self,
        version: Version,
        sent: Option<Instant>,
    ) -> (ConnectionUse, Option<Duration>) {
        let mut state = self.state.lock();
        // Where nobody observes it, nobody says when the body has ended.
        state.in_flight += u32::from(self.is_observed());
        state.requests += 1;
        state.version = Some(version);
        state.dropped = None;
        state.has_failed = false;
        if matches!(state.evidence, Some((CloseReason::Remote, _))) && state.gone.is_none() {
            // It goes on, so what failed was one stream of it.
            state.evidence = None;
        }
        let idle_since = state.idle_since.take();
        let requests = state.requests;
        drop(state);
        if version == Version::HTTP_2 && self.is_seen && requests.is_power_of_two() {
            self.look();
        }
        if requests == 1 {
            return (ConnectionUse::New, None);
        }
        let idle = sent
            .zip(idle_since)
            .map(|(sent, since)| sent.saturating_duration_since(since));
        (ConnectionUse::Reused, idle)
    }

    /// What is on it is about to be dropped before its end, and with HTTP/1.1 the connection with it. Whether the
    /// peer has closed it before shows of the open socket, and no more of one that is gone.
    pub(crate) fn note_dropped(&self) {
        let mut state = self.state.lock();
        if self.is_seen && state.gone.is_none() && state.version != Some(Version::HTTP_2) {
            drop(state);
            self.look();
            state = self.state.lock();
        }
        if state.gone.is_none() {
            state.note_dropped();
        }
    }

    /// The body of a response on it has ended: whole, or dropped before its end, which was
    /// [noted](Self::note_dropped) before. `closes` says that the peer has announced to close it
    /// after this response.
    pub(crate) fn response_ended(self: &Arc<Self>, is_whole: bool, closes: bool) {
        if !self.is_observed() {
            return;
        }
        let now = Instant::now();
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        let is_http2 = state.version == Some(Version::HTTP_2);
        if state.in_flight == 0 {
            state.idle_since = Some(now);
        }
        if closes && is_whole && !is_http2 {
            state.evidence.get_or_insert((CloseReason::Remote, now));
        }
        if state.gone.is_some() && !self.may_be_answered(&state) {
            drop(state);
            REGISTRY.end_wait(self);
        } else {
            self.report_if_over(state);
        }
    }

    /// What came over it ended too soon. With HTTP/2 that may be the end of one stream alone.
    pub(crate) fn broken(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.has_failed = true;
        if state.version != Some(Version::HTTP_2) {
            let now = Instant::now();
            state.evidence.get_or_insert((CloseReason::Remote, now));
            self.report_if_over(state);
        }
    }

    /// Its socket is gone. Its end is reported, unless a response of it may still come to its caller.
    pub(super) fn gone(self: &Arc<Self>, gone: &SocketGone) -> Gone {
        let mut state = self.state.lock();
        // What was seen of it first stays, when most was known.
        if state.gone.is_some() {
            return Gone::Before;
        }
        state.gone = Some(*gone);
        if state.is_reported {
            return Gone::Reported;
        }
        if self.may_be_answered(&state) {
            return Gone::MayBeAnswered;
        }
        self.report(state);
        Gone::Reported
    }

    /// Its socket is missing, and its close may still be announced, which says more. Returns since
    /// when, once that is no longer to be expected.
    pub(super) fn missing(&self) -> Option<Instant> {
        let now = Instant::now();
        let since = *self.state.lock().missing.get_or_insert(now);
        (now.saturating_duration_since(since) >= ANNOUNCED_WITHIN).then_some(since)
    }

    fn may_be_answered(&self, state: &State) -> bool {
        state.in_flight > 0 || self.traffic.awaits_heads()
    }

    /// Whether a response of it may still come to its caller, or its body is still read.
    pub(super) fn is_awaited(&self) -> bool {
        self.may_be_answered(&self.state.lock())
    }

    /// Nobody can say when it closes: it is taken for closed.
    pub(super) fn unseen(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state
            .evidence
            .is_none_or(|(reason, _)| reason == CloseReason::SessionClosed)
        {
            let at = state.evidence.map_or_else(Instant::now, |(_, at)| at);
            state.evidence = Some((CloseReason::Unknown, at));
        }
        self.report(state);
    }

    /// Reports its end, which was waiting for a response.
    pub(super) fn report_end(self: &Arc<Self>) {
        self.report(self.state.lock());
    }

    fn report_if_over(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        // Where closes are seen, it is known better in a moment.
        let is_over =
            matches!(state.evidence, Some((reason, _)) if reason != CloseReason::SessionClosed);
        if is_over && state.in_flight == 0 && !self.is_seen {
            self.report(state);
        }
    }

    fn report(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.is_reported {
            return;
        }
        // Only now, since a request may have failed after the socket was gone, and say why it is.
        let judged = state.gone.map(|gone| self.judge(&state, gone));
        let Some((reason, at)) = judged.or(state.evidence) else {
            return;
        };
        state.is_reported = true;
        let closed = ConnectionClosed {
            reason,
            duration: self.info.create_duration + at.saturating_duration_since(self.info.opened),
            requests: state.requests,
            version: state.version,
        };
        drop(state);
        self.observers
            .notify(|observer| observer.connection_closed(&self.info, &closed));
    }

    /// Whether the body of a response on it is still read.
    pub(super) fn has_responses(&self) -> bool {
        self.state.lock().in_flight > 0
    }

    /// Whether its socket is known to be gone.
    pub(super) fn is_gone(&self) -> bool {
        self.state.lock().gone.is_some()
    }

    /// Whether it was reported as closed.
    pub(super) fn is_reported(&self) -> bool {
        self.state.lock().is_reported
    }
}

impl MadeConnection for Connection {
    fn dropped(&self) {
        self.note_dropped();
    }

    fn given_up(&self) {
        // Also where its socket is gone by now: it went for this.
        self.state.lock().note_dropped();
    }

    fn failed(self: Arc<Self>) {
        self.broken();
    }
}

mod judgement;
mod shown;
mod snapshot;
#[cfg(test)]
mod tests;
