//! A connection whose socket is gone, against what still comes of it, in every interleaving.

use reqwest::Version;

use super::*;
use crate::connection::awaits_head::AwaitsHead;
use crate::connection::sample::{Sample, without_socket};
use crate::facts::CloseReason;
use crate::sync::{model, spawn};

const GONE: SocketEnd = SocketEnd::Peer;

fn gone(connection: &Arc<Connection>) {
    REGISTRY.gone(connection, &SocketGone::now(GONE));
}

fn announced(addresses: AddressPair) -> ClosedSocket {
    ClosedSocket {
        addresses,
        end: GONE,
        ago: Duration::ZERO,
        counters: None,
    }
}

/// One that is open, and observed.
fn entered(sample: &Sample) -> Arc<Connection> {
    let connection = sample.seen(without_socket(7, 1));
    Sample::enter(&connection);
    connection
}

/// Its close was reported once, with so many requests, and nothing waits any more.
fn assert_reported(sample: &Sample, requests: u64) {
    let reported = sample.reported.take();
    let of: Vec<_> = reported.iter().map(|one| one.requests).collect();
    assert_eq!(of, [requests]);
    assert!(REGISTRY.waiting.lock().is_empty());
}

#[test]
fn a_connection_that_is_gone_while_its_response_ends_is_reported_once() {
    model(|| {
        let sample = Sample::new();
        let connection = entered(&sample);
        connection.answered(Version::HTTP_11, None);
        let ending = Arc::clone(&connection);
        let ending = spawn(move || ending.response_ended(true, false));
        gone(&connection);
        ending.join().unwrap();
        assert_reported(&sample, 1);
        assert!(!REGISTRY.has(&connection));
    });
}

#[test]
fn a_connection_that_is_gone_while_a_head_is_awaited_is_reported_with_its_request() {
    model(|| {
        let sample = Sample::new();
        let connection = entered(&sample);
        let awaits = AwaitsHead::new(&sample.traffic);
        let answered = Arc::clone(&connection);
        let answered = spawn(move || {
            answered.answered(Version::HTTP_11, None);
            drop(awaits);
            answered.response_ended(true, false);
        });
        gone(&connection);
        answered.join().unwrap();
        assert_reported(&sample, 1);
        assert!(!REGISTRY.has(&connection));
    });
}

/// Two find it gone, and the request that was under way comes to nothing.
#[test]
fn a_connection_that_two_find_gone_is_reported_once() {
    model(|| {
        let sample = Sample::new();
        let connection = entered(&sample);
        let awaits = AwaitsHead::new(&sample.traffic);
        let other = Arc::clone(&connection);
        let other = spawn(move || {
            gone(&other);
            drop(awaits);
        });
        gone(&connection);
        other.join().unwrap();
        assert_reported(&sample, 0);
        assert!(!REGISTRY.has(&connection));
    });
}

/// The one whose word is taken says more than the other: what was seen first is what was seen when most was known.
#[test]
fn of_two_that_find_a_connection_gone_the_first_is_believed() {
    model(|| {
        let sample = Sample::new();
        let connection = entered(&sample);
        connection.answered(Version::HTTP_11, None);
        let other = Arc::clone(&connection);
        let other = spawn(move || other.gone(&SocketGone::now(SocketEnd::Here)));
        let here = connection.gone(&SocketGone::now(SocketEnd::Peer));
        let first = match (here, other.join().unwrap()) {
            (Gone::MayBeAnswered, Gone::Before) => CloseReason::Remote,
            (Gone::Before, Gone::MayBeAnswered) => CloseReason::SessionClosed,
            both => panic!("{both:?}"),
        };
        connection.report_end();
        let reported = sample.reported.take();
        let reasons: Vec<_> = reported.iter().map(|one| one.reason).collect();
        assert_eq!(reasons, [first]);
        REGISTRY.remove(&connection);
    });
}

/// The close of one is announced while its port comes back in another session, whose close is announced next.
#[test]
fn each_of_two_connections_with_one_pair_of_addresses_is_reported_by_its_own_close() {
    model(|| {
        let (old, new) = (Sample::new(), Sample::new());
        let first = entered(&old);
        let second = new.seen(without_socket(7, 1));
        let opening = Arc::clone(&second);
        let opening = spawn(move || {
            if let Some(replaced) = REGISTRY.insert(&opening, true) {
                gone(&replaced);
            }
        });
        let socket = announced(without_socket(7, 1));
        REGISTRY.closed(&socket);
        opening.join().unwrap();
        assert_eq!(old.reported.take().len(), 1);
        assert!(!REGISTRY.has(&first) && REGISTRY.has(&second));
        assert!(new.reported.take().is_empty());
        REGISTRY.closed(&socket);
        assert_reported(&new, 0);
    });
}
