//! One connection: why and when it is said to have closed.

use super::super::sample::{Sample, without_socket};
use super::*;

/// What is reported of a connection that is gone, after this was done to it.
fn closed(
    before: impl FnOnce(&Sample, &Arc<Connection>),
    end: SocketEnd,
    later: Duration,
) -> ConnectionClosed {
    let sample = Sample::new();
    let connection = sample.seen(without_socket(2, 1));
    before(&sample, &connection);
    let gone = connection.gone(end, Instant::now() + later);
    assert_eq!(gone, Gone::Reported);
    let reported = sample.reported.take();
    assert_eq!(reported.len(), 1);
    reported[0]
}

fn read_whole(connection: &Arc<Connection>, version: Version) {
    connection.answered(version, None);
    connection.response_ended(true, false);
}

fn drop_body(connection: &Arc<Connection>, version: Version) {
    connection.answered(version, None);
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
    let session = |_: &Sample, one: &Arc<Connection>| one.session_closed(Instant::now());
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
    let keep_alive = Duration::from_mins(2);
    assert_eq!(reason(&idle, keep_alive), CloseReason::IdleTimeout);
    assert_eq!(reason(&idle, keep_alive / 2), theirs);
}

#[test]
fn a_peer_that_closes_before_a_closed_session_does_has_closed_it_then() {
    let session = |_: &Sample, one: &Arc<Connection>| one.session_closed(Instant::now());
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
        let gone = connection.gone(SocketEnd::Unknown, Instant::now());
        assert_eq!(gone, Gone::MayBeAnswered);
        later(&connection);
        connection.report_end();
        sample.reported.take()[0].reason
    };
    let (ours, theirs) = (CloseReason::SessionClosed, CloseReason::Remote);
    assert_eq!(reason(&|one| one.given_up()), ours);
    assert_eq!(reason(&|one| one.dropped()), theirs);
    assert_eq!(reason(&|one| one.session_closed(Instant::now())), theirs);
    assert_eq!(reason(&|one| Arc::clone(one).failed()), theirs);
}

#[test]
fn a_cancelled_request_closes_one_connection_also_where_it_shows() {
    let sample = Sample::new();
    let [first, next] = [1, 2].map(|port| sample.seen(without_socket(2, port)));
    for connection in [&first, &next] {
        read_whole(connection, H1);
    }
    sample.traffic.note_cancelled(Instant::now());
    first.gone(SocketEnd::Here, Instant::now());
    next.gone(SocketEnd::Unknown, Instant::now());
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
        one.session_closed(Instant::now());
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
    let gone = || connection.gone(SocketEnd::Peer, Instant::now());
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
    connection.session_closed(Instant::now());
    connection.unseen();
    assert_eq!(sample.reported.take()[0].reason, CloseReason::Unknown);
}
