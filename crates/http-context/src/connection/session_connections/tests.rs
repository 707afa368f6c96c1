//! The connections of one session, as they are entered, forgotten and taken.

use std::net::TcpStream;
use std::task::{Poll, Waker};

use super::super::sample::{Sample, with_socket, without_socket};
use super::*;

fn new() -> Arc<SessionConnections> {
    Arc::new(SessionConnections::new(Duration::from_secs(2 * 60), true))
}

/// One whose socket is open, and the two ends of that.
fn open_with_socket(session: &SessionConnections) -> (Arc<Connection>, [TcpStream; 2]) {
    let (addresses, ends) = with_socket();
    (session.open_unobserved(addresses), ends)
}

#[test]
fn of_very_many_connections_those_are_forgotten_that_are_closed() {
    let session = new();
    let (held, _ends) = open_with_socket(&session);
    let ports = 1..u16::try_from(FEWEST_TO_PRUNE).unwrap();
    let closed: Vec<_> = ports
        .map(|port| session.open_unobserved(without_socket(3, port)))
        .collect();
    let is_known = |one: &&Arc<Connection>| REGISTRY.has(one);
    assert_eq!(closed.iter().filter(is_known).count(), closed.len());
    let last = session.open_unobserved(without_socket(3, 0));
    assert_eq!(closed.iter().filter(is_known).count(), 0);
    let mut left: Vec<_> = session.take().iter().map(|one| one.info.id).collect();
    left.sort_unstable();
    assert_eq!(left, [held.info.id, last.info.id]);
    [held, last].iter().for_each(release);
}

#[test]
fn the_more_are_open_the_more_have_to_come_before_they_are_looked_at_again() {
    let (sample, mut connections, mut looked_at) =
        (Sample::new(), Connections::default(), Vec::new());
    for port in 0..2500 {
        let (connection, known) = (
            sample.unobserved(without_socket(4, port)),
            connections.opened.len(),
        );
        let forgotten = connections.insert(&connection, |all| {
            looked_at.push(known);
            Some(all.to_vec())
        });
        assert!(forgotten.is_empty());
    }
    assert_eq!(looked_at, [1024, 2048]);
}

#[test]
fn where_the_system_cannot_be_asked_those_are_forgotten_whose_peer_said_that_it_closes() {
    let (sample, mut connections) = (Sample::new(), Connections::default());
    for port in 0..u16::try_from(FEWEST_TO_PRUNE).unwrap() {
        let connection = sample.unseen(without_socket(4, port));
        connection.answered(reqwest::Version::HTTP_11, None);
        connection.response_ended(true, port > 0);
        assert!(connections.insert(&connection, |_| None).is_empty());
    }
    let last = sample.unseen(without_socket(4, u16::MAX));
    let forgotten = connections.insert(&last, |_| None);
    assert_eq!(forgotten.len(), FEWEST_TO_PRUNE - 1);
    assert_eq!(connections.opened.len(), 2);
}

fn is_given_up(connect: &mut Connect) -> bool {
    connect.is_given_up(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn who_closes_it_first_answers_for_what_it_has() {
    let session = new();
    assert!(!session.has_any());
    assert!(session.close());
    assert!(!session.close());
    assert!(!session.has_any());
    let (_, _ends) = open_with_socket(&session);
    assert!(session.has_any());
    session.take().iter().for_each(release);
    assert!(!session.has_any());
}

#[tokio::test]
async fn what_is_being_made_is_given_up_at_the_close_and_waited_for() {
    let session = new();
    let mut connects = [session.connect(), session.connect()];
    assert!(session.has_any());
    assert!(!connects.iter_mut().any(is_given_up));
    session.close();
    assert!(connects.iter_mut().all(is_given_up));
    assert!(is_given_up(&mut session.connect()), "that comes later");
    let [first, last] = connects;
    drop(first);
    let mut given_up = std::pin::pin!(session.wait_until_given_up());
    let is_over = std::future::poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_ready()));
    assert!(!is_over.await);
    drop(last);
    given_up.await;
    assert!(!session.has_any());
}

#[test]
fn what_was_taken_is_released_by_who_took_it() {
    let session = new();
    let (held, _ends) = open_with_socket(&session);
    let taken = session.take();
    assert!(matches!(&taken[..], [one] if Arc::ptr_eq(one, &held)));
    assert!(session.take().is_empty(), "once");
    drop(session);
    assert!(REGISTRY.has(&held));
    release(&held);
}

#[test]
fn a_session_that_is_dropped_answers_for_no_addresses() {
    let session = new();
    let (held, _ends) = open_with_socket(&session);
    assert!(REGISTRY.has(&held));
    drop(session);
    assert!(!REGISTRY.has(&held));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_be_asked_those_are_forgotten_that_were_idle_for_too_long_to_be_open() {
    let sample = Sample::new();
    let keep_alive = sample.traffic.keep_alive;
    let ports = 1..=u16::try_from(FEWEST_TO_PRUNE).unwrap();
    let mut connections = Connections::default();
    let all: Vec<_> = ports
        .map(|port| sample.unseen(without_socket(9, port)))
        .collect();
    for connection in &all {
        assert!(connections.insert(connection, |_| None).is_empty());
    }
    // One is in use all the time, and one was used lately.
    all[0].answered(reqwest::Version::HTTP_11, None);
    tokio::time::advance(keep_alive).await;
    all[1].answered(reqwest::Version::HTTP_11, None);
    all[1].response_ended(true, false);
    tokio::time::advance(keep_alive).await;
    let last = sample.unobserved(without_socket(10, 1));
    let forgotten = connections.insert(&last, |_| None);
    assert_eq!(forgotten.len(), all.len() - 2);
    assert!(forgotten.iter().all(|one| !Arc::ptr_eq(one, &all[0])));
    assert!(forgotten.iter().all(|one| !Arc::ptr_eq(one, &all[1])));
    forgotten.iter().for_each(release);
    let reported = sample.reported.take();
    assert_eq!(reported.len(), forgotten.len());
    let unknown = crate::facts::CloseReason::Unknown;
    assert!(reported.iter().all(|closed| closed.reason == unknown));
    // Of one that nobody observes its age decides.
    assert!(!last.is_long_idle(Instant::now()));
    assert!(last.is_long_idle(Instant::now() + keep_alive * 2));
}
