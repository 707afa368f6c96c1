//! At most so many requests to a host at once; the others queue in the order they came.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use reqwest::Url;
use tokio::sync::Semaphore;

use crate::identity::{Origin, OriginKey};

/// An origin that a session talks to, and its slots.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) origin: Arc<Origin>,
    pub(crate) limit: usize,
    /// Tokio's semaphore hands permits out first come, first served.
    slots: Semaphore,
}

impl Host {
    /// A slot, when one is free and nobody waits for it.
    pub(crate) fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.slots.try_acquire().ok()?;
        permit.forget();
        Some(Slot(Arc::clone(self)))
    }

    /// Waits for a slot.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its turn in the queue, and no slot is lost.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        let permit = self
            .slots
            .acquire()
            .await
            .expect("the semaphore of a host is never closed");
        permit.forget();
        Slot(Arc::clone(self))
    }

    /// Whether anybody has use for it besides the table of hosts.
    fn is_used(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1 || Arc::strong_count(&self.origin) > 1
    }
}

/// The right to have one request under way, from its send to the end of its body.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Host>);

impl Slot {
    /// Whether it is one of this host.
    pub(crate) fn is_of(&self, host: &Arc<Host>) -> bool {
        Arc::ptr_eq(&self.0, host)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.slots.add_permits(1);
    }
}

/// The hosts that a session talks to.
#[derive(Debug)]
pub(crate) struct HostSlots {
    limit: usize,
    /// Taken under no other lock, and nothing of a user runs under it.
    hosts: Mutex<Hosts>,
}

#[derive(Debug)]
struct Hosts {
    by_origin: HashTable<Arc<Host>>,
    /// That of the last request, which the next one is likely to be for too.
    last: Option<Arc<Host>>,
    hasher: DefaultHashBuilder,
    /// At this many hosts those without a request are forgotten, so that a session which sees
    /// ever new hosts stays bounded by what is under way.
    prune_at: usize,
}

const FEWEST_TO_PRUNE: usize = 64;

impl HostSlots {
    /// `limit` is capped at what a semaphore can count.
    pub(crate) fn new(limit: usize) -> Self {
        let hosts = Hosts {
            by_origin: HashTable::new(),
            last: None,
            hasher: DefaultHashBuilder::default(),
            prune_at: FEWEST_TO_PRUNE,
        };
        Self {
            limit: limit.clamp(1, Semaphore::MAX_PERMITS),
            hosts: Mutex::new(hosts),
        }
    }

    pub(crate) fn host(&self, url: &Url) -> Arc<Host> {
        let key = OriginKey::of(url);
        let mut hosts = self.hosts.lock();
        let Hosts {
            by_origin,
            last,
            hasher,
            prune_at,
        } = &mut *hosts;
        if let Some(host) = last
            && host.origin.key() == key
        {
            return Arc::clone(host);
        }
        let hash = hasher.hash_one(&key);
        if let Some(host) = by_origin.find(hash, |host| host.origin.key() == key) {
            *last = Some(Arc::clone(host));
            return Arc::clone(host);
        }
        if by_origin.len() >= *prune_at {
            // It counts as one that is used.
            *last = None;
            by_origin.retain(|host| host.is_used());
            *prune_at = FEWEST_TO_PRUNE.max(by_origin.len() * 2);
        }
        let host = Arc::new(Host {
            origin: Arc::new(key.to_origin()),
            limit: self.limit,
            slots: Semaphore::new(self.limit),
        });
        by_origin.insert_unique(hash, Arc::clone(&host), |host| {
            hasher.hash_one(host.origin.key())
        });
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn scheme_host_and_port_tell_hosts_apart() {
        let slots = HostSlots::new(2);
        let host = slots.host(&url("https://user@h/a?b"));
        assert!(Arc::ptr_eq(&host, &slots.host(&url("https://h:443/c"))));
        assert!(!Arc::ptr_eq(&host, &slots.host(&url("https://h:444/"))));
        assert!(!Arc::ptr_eq(&host, &slots.host(&url("http://h:443/"))));
    }

    /// So many hosts, of names that begin like this.
    fn hosts(slots: &HostSlots, name: &str, count: usize) -> impl Iterator<Item = Arc<Host>> {
        (0..count).map(move |n| slots.host(&url(&format!("http://{name}{n}/"))))
    }

    #[test]
    fn hosts_without_a_request_are_forgotten() {
        let slots = HostSlots::new(1);
        let busy = slots.host(&url("http://busy/"));
        hosts(&slots, "idle", 10_000).for_each(drop);
        assert!(slots.hosts.lock().by_origin.len() <= FEWEST_TO_PRUNE);
        assert!(Arc::ptr_eq(&busy, &slots.host(&url("http://busy/"))));
    }

    #[test]
    fn hosts_without_a_request_are_remembered_while_they_are_few_beside_those_with_one() {
        for busy in [0, 2 * FEWEST_TO_PRUNE] {
            let slots = HostSlots::new(1);
            let busy: Vec<_> = hosts(&slots, "busy", busy).collect();
            let idle = url("http://idle/");
            assert!(slots.host(&idle).origin.attach("remembered"));
            let few = FEWEST_TO_PRUNE.max(busy.len());
            hosts(&slots, "new", few - 1).for_each(drop);
            let known = slots.host(&idle);
            assert_eq!(
                known.origin.attached(),
                Some(&"remembered"),
                "{} are busy",
                busy.len()
            );
        }
    }

    #[tokio::test]
    async fn slots_go_to_those_who_wait_in_the_order_they_came() {
        let slots = HostSlots::new(1);
        let host = slots.host(&url("http://h/"));
        let taken = host.try_slot().unwrap();
        let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
        let wait = |n: usize| {
            let (host, order) = (Arc::clone(&host), order.clone());
            async move {
                let slot = host.slot().await;
                order.send(n).unwrap();
                drop(slot);
            }
        };
        let mut cancelled = Box::pin(wait(0));
        let (mut first, mut second) = (Box::pin(wait(1)), Box::pin(wait(2)));
        tokio::select! { biased; () = &mut cancelled => {}, () = &mut first => {},
        () = &mut second => {}, () = std::future::ready(()) => {} }
        drop(cancelled);
        drop(taken);
        tokio::join!(second, first);
        assert_eq!(
            (served.recv().await, served.recv().await),
            (Some(1), Some(2))
        );
        assert!(host.try_slot().is_some(), "no slot was lost");
    }
}
