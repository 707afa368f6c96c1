//! Who answers for a connection: its session, until the connection is seen closed or given up.

use std::sync::Arc;

use hashbrown::HashSet;

use super::connection::Connection;
use super::kernel;
use super::registry::REGISTRY;
use super::source;
use crate::facts::AddressPair;

/// Those of the connections whose socket this process still holds, or `None` where the operating
/// system cannot be asked. One whose addresses have a new owner is closed.
pub(crate) fn still_held(connections: &[Arc<Connection>]) -> Option<Vec<Arc<Connection>>> {
    let ours: Vec<_> = connections.iter().filter(|c| REGISTRY.has(c)).collect();
    let sockets: Vec<_> = ours.iter().filter_map(|c| c.socket()).collect();
    let held: HashSet<AddressPair> = kernel::held(&sockets)?.into_iter().collect();
    let is_held = |c: &&&Arc<Connection>| c.info.addresses.is_some_and(|pair| held.contains(&pair));
    Some(ours.iter().filter(is_held).map(|c| Arc::clone(c)).collect())
}

/// Nobody answers for the connection any more. Where closes are not seen, it is taken for closed.
pub(crate) fn release(connection: &Arc<Connection>) {
    if connection.is_observed() {
        if connection.is_seen() {
            // Its close will be announced.
            return;
        }
        connection.unseen();
    }
    REGISTRY.remove(connection);
}

/// The operating system has shown that the sockets of these connections are gone.
pub(crate) fn release_gone(connections: &[Arc<Connection>]) {
    let (seen, unseen): (Vec<_>, Vec<_>) = connections
        .iter()
        .cloned()
        .partition(|connection| connection.is_seen());
    unseen.iter().for_each(release);
    if seen.is_empty() {
        return;
    }
    // Most were announced in the meantime, and those say more.
    source::flush();
    let left: Vec<_> = seen.into_iter().filter(|c| REGISTRY.has(c)).collect();
    source::gone_just_now(&left);
}

#[cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, with_socket};
    use super::*;

    #[test]
    fn a_connection_is_answered_for_until_it_is_released_or_closed() {
        let sample = Sample::new();
        let (held, _ends) = with_socket();
        let held = sample.unobserved(held);
        let (closed, ends) = with_socket();
        let closed = sample.unobserved(closed);
        drop(ends);
        let both = [&held, &closed].map(Arc::clone);
        for connection in &both {
            REGISTRY.insert(connection, false);
        }
        let left = still_held(&both).unwrap();
        assert!(matches!(&left[..], [one] if Arc::ptr_eq(one, &held)));
        release_gone(std::slice::from_ref(&closed));
        assert!(!REGISTRY.has(&closed) && REGISTRY.has(&held));
        release(&held);
        assert!(still_held(&both).unwrap().is_empty());
    }

    #[test]
    fn however_many_sockets_are_left_open_few_ask_for_them() {
        let sample = Sample::new();
        let opened = || {
            let (addresses, ends) = with_socket();
            let connection = sample.unobserved(addresses);
            REGISTRY.insert(&connection, false);
            (connection, ends)
        };
        let (leaked, ends): (Vec<_>, Vec<_>) = (0..100).map(|_| opened()).unzip();
        let before = kernel::ASKING_SOCKETS.get();
        assert_eq!(still_held(&leaked).unwrap().len(), leaked.len());
        drop(ends);
        assert!(still_held(&leaked).unwrap().is_empty());
        let addresses: Vec<_> = leaked.iter().filter_map(|c| c.info.addresses).collect();
        assert_eq!(kernel::closings(&addresses).unwrap().len(), leaked.len());
        release_gone(&leaked);
        // One is kept for all that ask; another thread may be at it just then.
        let made = kernel::ASKING_SOCKETS.get() - before;
        assert!(made <= 3, "{made} sockets");
    }

    #[test]
    fn only_a_connection_whose_close_will_be_announced_outlives_its_release() {
        let sample = Sample::new();
        let all = [Sample::seen, Sample::unseen, Sample::unobserved];
        let kept = all.map(|make| {
            let (addresses, _ends) = with_socket();
            let connection = make(&sample, addresses);
            REGISTRY.insert(&connection, false);
            release(&connection);
            REGISTRY.has(&connection)
        });
        assert_eq!(kept, [true, false, false]);
        assert_eq!(sample.reported.take().len(), 1);
    }
}
