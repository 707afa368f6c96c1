//! The registry of connections by their addresses.

use std::net::SocketAddr;

use super::super::sample::{Sample, without_socket};
use super::*;
use crate::facts::CloseReason;

impl Registry {
    /// How many it has in all, and how many of them wait.
    fn len(&self) -> (usize, usize) {
        let entries = self.shards.iter().map(|shard| shard.lock().len());
        (entries.sum(), self.waiting.lock().len())
    }
}

#[test]
fn room_for_many_connections_is_given_back_once_they_are_gone() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let room = || -> usize {
        let shards = registry.shards.iter();
        shards.map(|shard| shard.lock().capacity()).sum()
    };
    let connections: Vec<_> = (1..=20_000)
        .map(|port| sample.seen(without_socket(1, port)))
        .collect();
    for connection in &connections {
        assert!(registry.insert(connection, true).is_none());
    }
    assert!(room() >= connections.len());
    for connection in &connections {
        registry.remove(connection);
    }
    assert!(room() <= SHARDS * 2 * KEPT, "{}", room());
}

const NOBODY: SocketEnd = SocketEnd::Unknown;

#[test]
fn a_connection_whose_port_came_back_is_closed() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let addresses = without_socket(1, 1);
    let [first, next] = [(); 2].map(|()| sample.seen(addresses));
    assert!(registry.insert(&first, true).is_none());
    assert!(registry.has(&first));
    let replaced = registry.insert(&next, true).unwrap();
    assert!(Arc::ptr_eq(&replaced, &first));
    assert!(!registry.has(&first) && registry.has(&next));
    registry.remove(&first);
    assert!(registry.has(&next));
    registry.remove(&next);
    assert!(!registry.has(&next));
    assert_eq!(registry.len(), (0, 0));
}

#[test]
fn a_close_that_comes_late_is_that_of_the_earlier_connection_at_its_addresses() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let closed = ClosedSocket::new(without_socket(1, 1));
    for nth in 0..3 {
        let replaced = registry.insert(&sample.seen(closed.addresses), true);
        assert_eq!(replaced.is_some(), nth > 0);
        if let Some(replaced) = replaced {
            registry.gone(&replaced, &SocketGone::now(NOBODY));
        }
    }
    assert_eq!(sample.reported.take().len(), 2);
    // The closes of the first two are still to come.
    for _ in 0..2 {
        registry.closed(&closed);
        assert_eq!(sample.reported.take(), []);
    }
    registry.closed(&closed);
    assert_eq!(sample.reported.take().len(), 1);
    assert_eq!(registry.len(), (0, 0));
}

#[test]
fn where_closes_are_not_announced_none_is_to_come_of_an_earlier_connection() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let closed = ClosedSocket::new(without_socket(1, 1));
    registry.insert(&sample.unobserved(closed.addresses), false);
    registry.insert(&sample.seen(closed.addresses), false);
    registry.closed(&closed);
    assert_eq!(sample.reported.take().len(), 1);
}

#[test]
fn what_was_found_to_be_gone_leaves_no_close_to_come() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let closed = ClosedSocket::new(without_socket(1, 1));
    let found = sample.seen(closed.addresses);
    registry.insert(&found, true);
    registry.gone(&found, &SocketGone::now(NOBODY));
    registry.insert(&sample.seen(closed.addresses), true);
    registry.closed(&closed);
    assert_eq!(sample.reported.take().len(), 2);
    assert_eq!(registry.len(), (0, 0));
}

#[test]
fn a_socket_is_known_by_its_mapped_address_as_well() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let AddressPair { local, remote } = without_socket(1, 1);
    let connection = sample.seen(AddressPair { local, remote });
    registry.insert(&connection, true);
    let mapped = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        SocketAddr::V6(_) => address,
    };
    let mapped = AddressPair {
        local: mapped(local),
        remote: mapped(remote),
    };
    assert!(registry.find(mapped).is_some());
    registry.closed(&ClosedSocket::new(mapped));
    assert_eq!(sample.reported.take().len(), 1);
}

#[test]
fn one_that_may_be_answered_waits_and_ends_as_it_was_judged_first() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let closed = ClosedSocket::new(without_socket(1, 1));
    let connection = sample.seen(closed.addresses);
    registry.insert(&connection, true);
    sample.traffic.begin_awaiting();
    registry.closed(&closed.end(SocketEnd::Peer));
    for _ in 0..3 {
        registry.closed(&closed.end(SocketEnd::Here));
        registry.gone(&connection, &SocketGone::now(SocketEnd::Here));
    }
    assert_eq!(registry.len(), (1, 1), "it waits once");
    assert!(registry.find(closed.addresses).is_some());
    assert!(!registry.has(&connection));
    assert_eq!(sample.reported.take(), []);
    assert!(sample.traffic.end_awaiting());
    registry.report_waiting(&sample.traffic);
    let reported = sample.reported.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].reason, CloseReason::Remote);
    assert_eq!(registry.len(), (0, 0));
    registry.end_wait(&connection);
    assert_eq!(sample.reported.take(), [], "once");
}

#[test]
fn one_that_waits_is_looked_after_until_it_is_reported() {
    let sample = Sample::new();
    let connection = sample.seen(without_socket(2, 1));
    let look = LongestWait(connection.info.id);
    assert!(look.is_over());
    REGISTRY.insert(&connection, true);
    sample.traffic.begin_awaiting();
    REGISTRY.gone(&connection, &SocketGone::now(NOBODY));
    assert!(!look.is_over());
    REGISTRY.end_wait(&connection);
    assert!(look.is_over());
    assert_eq!(sample.reported.take().len(), 1);
}

#[test]
fn one_waits_for_the_requests_of_its_own_session_alone() {
    let (registry, sample, other) = (Registry::new(), Sample::new(), Sample::new());
    let connection = sample.seen(without_socket(1, 1));
    registry.insert(&connection, true);
    other.traffic.begin_awaiting();
    sample.traffic.begin_awaiting();
    registry.gone(&connection, &SocketGone::now(NOBODY));
    registry.report_waiting(&other.traffic);
    assert_eq!(sample.reported.take(), []);
    sample.traffic.end_awaiting();
    registry.report_waiting(&sample.traffic);
    assert_eq!(sample.reported.take().len(), 1);
}

#[test]
fn one_that_nobody_observes_is_found_by_its_response_until_it_is_released() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let closed = ClosedSocket::new(without_socket(1, 1));
    let connection = sample.unobserved(closed.addresses);
    registry.insert(&connection, true);
    registry.closed(&closed);
    assert!(!registry.has(&connection));
    assert!(registry.all().is_empty());
    assert!(registry.find(closed.addresses).is_some());
    assert_eq!(registry.len(), (1, 0));
    registry.remove(&connection);
    assert_eq!(registry.len(), (0, 0));
}

#[test]
fn one_whose_close_is_not_seen_ends_for_no_reason_when_its_port_comes_back() {
    let (registry, sample) = (Registry::new(), Sample::new());
    let addresses = without_socket(1, 1);
    registry.insert(&sample.unseen(addresses), false);
    let replaced = registry.insert(&sample.unseen(addresses), false).unwrap();
    registry.gone(&replaced, &SocketGone::now(NOBODY));
    let reported = sample.reported.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].reason, CloseReason::Unknown);
    assert_eq!(registry.len(), (1, 0));
}
