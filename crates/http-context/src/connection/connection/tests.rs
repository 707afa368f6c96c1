//! One connection: why and when it is said to have closed.

use super::super::sample::{Sample, without_socket};
use super::*;
use crate::connection::counters::{FirstEnd, OwnFin};
use crate::connection::traffic::DROP_CLOSES_WITHIN;

/// What is reported of a connection that is gone, after this was done to it.
fn closed(
    before: impl FnOnce(&Sample, &Arc<Connection>),
    end: SocketEnd,
    later: Duration,
) -> ConnectionClosed {
    let sample = Sample::new();
    let connection = sample.seen(without_socket(2, 1));
    before(&sample, &connection);
    let gone = connection.gone(&at(end, later));
    assert_eq!(gone, Gone::Reported);
    let reported = sample.reported.take();
    assert_eq!(reported.len(), 1);
    reported[0]
}

fn at(end: SocketEnd, later: Duration) -> SocketGone {
    SocketGone {
        at: Instant::now() + later,
        ..SocketGone::now(end)
    }
}

fn read_whole(connection: &Arc<Connection>, version: Version) {
    connection.answered(version, None);
    connection.response_ended(true, false);
}

fn drop_body(connection: &Arc<Connection>, version: Version) {
    connection.answered(version, None);
    connection.note_dropped();
    connection.response_ended(false, false);
}

const AT_ONCE: Duration = Duration::ZERO;
const H1: Version = Version::HTTP_11;
const H2: Version = Version::HTTP_2;

#[test]
fn who_is_known_to_have_closed_first_is_the_reason() {
    for (end, reason) in [
        (SocketEnd::Here, CloseReason::SessionClosed),
        (SocketEnd::Peer, CloseReason::Remote),
        (SocketEnd::Unknown, CloseReason::Remote),
    ] {
        let closed = closed(|_, one| read_whole(one, H1), end, AT_ONCE);
        assert_eq!((closed.reason, closed.requests), (reason, 1), "{end:?}");
    }
}

#[test]
fn where_nobody_knows_it_is_whoever_had_a_reason() {
    let reason = |before: &dyn Fn(&Sample, &Arc<Connection>), later| {
        closed(before, SocketEnd::Unknown, later).reason
    };
    let (ours, theirs) = (CloseReason::SessionClosed, CloseReason::Remote);
    let session = |_: &Sample, one: &Arc<Connection>| one.session_closed(Instant::now(), None);
    assert_eq!(reason(&session, AT_ONCE), ours);
    let dropped = |_: &Sample, one: &Arc<Connection>| drop_body(one, H1);
    assert_eq!(reason(&dropped, AT_ONCE), ours);
    assert_eq!(reason(&dropped, DROP_CLOSES_WITHIN), theirs);
    let reset = |_: &Sample, one: &Arc<Connection>| drop_body(one, H2);
    assert_eq!(reason(&reset, AT_ONCE), theirs, "it closes a stream alone");
    let used_again = |_: &Sample, one: &Arc<Connection>| {
        drop_body(one, H1);
        read_whole(one, H1);
    };
    assert_eq!(reason(&used_again, AT_ONCE), theirs);
    let cancelled = |sample: &Sample, one: &Arc<Connection>| {
        read_whole(one, H1);
        sample.traffic.note_cancelled(Instant::now());
    };
    assert_eq!(reason(&cancelled, AT_ONCE), ours);
    let broken = |_: &Sample, one: &Arc<Connection>| {
        one.answered(H1, None);
        one.broken();
        one.response_ended(false, false);
    };
    assert_eq!(reason(&broken, AT_ONCE), theirs);
    let idle = |_: &Sample, one: &Arc<Connection>| read_whole(one, H1);
    let keep_alive = Duration::from_secs(2 * 60);
    assert_eq!(reason(&idle, keep_alive), CloseReason::IdleTimeout);
    assert_eq!(reason(&idle, keep_alive / 2), theirs);
}

#[test]
fn a_peer_that_closes_before_a_closed_session_does_has_closed_it_then() {
    let session = |_: &Sample, one: &Arc<Connection>| one.session_closed(Instant::now(), None);
    let later = Duration::from_secs(2);
    let closed = closed(session, SocketEnd::Peer, later);
    assert_eq!(closed.reason, CloseReason::Remote);
    assert!(closed.duration >= later, "{closed:?}");
}

#[test]
fn a_body_that_is_dropped_closes_its_connection_then() {
    for end in [SocketEnd::Here, SocketEnd::Unknown] {
        let later = DROP_CLOSES_WITHIN / 2;
        let closed = closed(|_, one| drop_body(one, H1), end, later);
        assert_eq!(closed.reason, CloseReason::SessionClosed);
        assert!(closed.duration < later, "{closed:?}");
    }
}

#[test]
fn what_its_request_says_of_it_later_counts_and_not_what_happens_to_it_later() {
    let reason = |later: &dyn Fn(&Arc<Connection>)| {
        let sample = Sample::new();
        let connection = sample.seen(without_socket(2, 1));
        sample.traffic.begin_awaiting();
        let gone = connection.gone(&SocketGone::now(SocketEnd::Unknown));
        assert_eq!(gone, Gone::MayBeAnswered);
        later(&connection);
        connection.report_end();
        sample.reported.take()[0].reason
    };
    let (ours, theirs) = (CloseReason::SessionClosed, CloseReason::Remote);
    assert_eq!(reason(&|one| one.given_up()), ours);
    assert_eq!(reason(&|one| one.dropped()), theirs);
    let session = |one: &Arc<Connection>| one.session_closed(Instant::now(), None);
    assert_eq!(reason(&session), theirs);
    assert_eq!(reason(&|one| Arc::clone(one).failed()), theirs);
}

/// A socket that is gone, by what was counted of it.
fn counted(counters: SocketCounters) -> SocketGone {
    SocketGone {
        counters: Some(counters),
        ..SocketGone::now(SocketEnd::Unknown)
    }
}

/// Why a connection has closed to which this was done, by what was counted of it at its end.
fn reason_by(before: impl FnOnce(&Arc<Connection>), end: SocketCounters) -> CloseReason {
    let sample = Sample::new();
    let connection = sample.seen(without_socket(2, 1));
    before(&connection);
    connection.gone(&counted(end));
    sample.reported.take()[0].reason
}

/// Of a connection that has carried a request and its response, and no FIN.
const ANSWERED: SocketCounters = SocketCounters {
    received: 77,
    data_segments_in: 1,
    data_segments_out: 1,
    bare_segments_in: 2,
    ..SocketCounters::CONNECTED
};

/// Of that once each side has sent a FIN and its own is acknowledged.
const ENDED: SocketCounters = SocketCounters {
    received: ANSWERED.received + 1,
    bare_segments_in: ANSWERED.bare_segments_in + 2,
    fin: OwnFin::Acknowledged,
    ..ANSWERED
};

#[test]
fn what_is_counted_between_the_close_of_a_session_and_the_end_says_who_was_faster() {
    let closed = |one: &Arc<Connection>| {
        read_whole(one, H1);
        one.session_closed(Instant::now(), Some(ANSWERED));
    };
    assert_eq!(reason_by(closed, ENDED), CloseReason::Remote);
    let ours = SocketCounters {
        received: ANSWERED.received,
        ..ENDED
    };
    assert_eq!(reason_by(closed, ours), CloseReason::SessionClosed);
}

#[test]
fn a_peer_that_is_found_to_have_closed_was_faster_than_its_closing_session() {
    let found = |one: &Arc<Connection>| {
        one.session_closed(Instant::now(), Some(ANSWERED));
        one.peer_closed(Instant::now());
    };
    let unclear = SocketCounters {
        bare_segments_in: 3,
        data_segments_out: 3,
        ..ENDED
    };
    assert_eq!(reason_by(found, unclear), CloseReason::Remote);
}

#[test]
fn what_was_idle_for_as_long_as_it_may_be_closed_for_that_whatever_is_likely() {
    let sample = Sample::new();
    let connection = sample.seen(without_socket(2, 1));
    read_whole(&connection, H2);
    connection.state.lock().open = Some((ANSWERED, Instant::now()));
    let end = SocketCounters {
        received: ANSWERED.received + 18,
        data_segments_in: ANSWERED.data_segments_in + 1,
        ..ENDED
    };
    let later = Duration::from_secs(2 * 60);
    let open = ANSWERED;
    assert_eq!(
        end.first_end(&open, later),
        FirstEnd::Likely(SocketEnd::Peer)
    );
    let at = Instant::now() + later;
    connection.gone(&SocketGone { at, ..counted(end) });
    assert_eq!(sample.reported.take()[0].reason, CloseReason::IdleTimeout);
}

#[test]
fn a_connection_of_http2_closes_for_its_peer_when_it_is_done_and_not_when_it_fails() {
    let unclear = SocketCounters {
        data_segments_out: 9,
        ..ENDED
    };
    let done = |one: &Arc<Connection>| read_whole(one, H2);
    assert_eq!(reason_by(done, unclear), CloseReason::SessionClosed);
    let failed = |one: &Arc<Connection>| {
        read_whole(one, H2);
        one.broken();
    };
    assert_eq!(reason_by(failed, unclear), CloseReason::Remote);
    let never_used = |one: &Arc<Connection>| one.state.lock().version = Some(H2);
    assert_eq!(reason_by(never_used, unclear), CloseReason::Remote);
    let http1 = |one: &Arc<Connection>| read_whole(one, H1);
    assert_eq!(reason_by(http1, unclear), CloseReason::Remote);
}

#[test]
fn a_cancelled_request_closes_one_connection_also_where_it_shows() {
    let sample = Sample::new();
    let [first, next] = [1, 2].map(|port| sample.seen(without_socket(2, port)));
    for connection in [&first, &next] {
        read_whole(connection, H1);
    }
    sample.traffic.note_cancelled(Instant::now());
    first.gone(&SocketGone::now(SocketEnd::Here));
    next.gone(&SocketGone::now(SocketEnd::Unknown));
    let reasons: Vec<_> = sample
        .reported
        .take()
        .iter()
        .map(|one| one.reason)
        .collect();
    assert_eq!(reasons, [CloseReason::SessionClosed, CloseReason::Remote]);
}

#[test]
fn a_response_on_it_refutes_that_it_was_broken() {
    let reused = |_: &Sample, one: &Arc<Connection>| {
        one.broken();
        read_whole(one, H2);
        one.session_closed(Instant::now(), None);
    };
    let closed = closed(reused, SocketEnd::Unknown, AT_ONCE);
    assert_eq!(closed.reason, CloseReason::SessionClosed);
}

#[test]
fn many_responses_on_it_are_waited_for_to_the_last() {
    let sample = Sample::new();
    let connection = sample.seen(without_socket(2, 1));
    for _ in 0..100 {
        connection.answered(H2, None);
    }
    let gone = || connection.gone(&SocketGone::now(SocketEnd::Peer));
    assert_eq!(gone(), Gone::MayBeAnswered);
    assert_eq!(gone(), Gone::Before);
    for _ in 0..99 {
        connection.response_ended(true, false);
    }
    assert_eq!(sample.reported.take(), []);
    assert!(connection.is_awaited());
    connection.response_ended(false, false);
    let reported = sample.reported.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].requests, 100);
    assert_eq!(reported[0].version, Some(H2));
    connection.report_end();
    assert_eq!(sample.reported.take(), []);
}

#[test]
fn where_closes_are_not_seen_a_peer_that_says_so_has_closed_it_and_else_nobody_knows() {
    let sample = Sample::new();
    let connection = sample.unseen(without_socket(2, 1));
    connection.answered(H1, None);
    connection.response_ended(true, true);
    let reported = sample.reported.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].reason, CloseReason::Remote);
    connection.unseen();
    assert_eq!(sample.reported.take(), [], "once");
    let connection = sample.unseen(without_socket(2, 1));
    connection.session_closed(Instant::now(), None);
    connection.unseen();
    assert_eq!(sample.reported.take()[0].reason, CloseReason::Unknown);
}

#[test]
fn a_peer_that_is_seen_twice_to_have_closed_did_so_the_first_time() {
    for order in [[1, 3], [3, 1]] {
        let closed = closed(
            |_, one| {
                let opened = one.info.opened;
                for ago in order {
                    one.peer_closed(opened + Duration::from_millis(ago));
                }
            },
            SocketEnd::Peer,
            Duration::from_secs(1),
        );
        assert_eq!(closed.reason, CloseReason::Remote);
        assert!(closed.duration < Duration::from_millis(2), "{closed:?}");
    }
}
