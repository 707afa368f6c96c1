//! At most so many requests to a host at once; the others queue in the order they came.

use std::any::Any;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashTable};
use reqwest::Url;
use tokio::sync::Semaphore;

use crate::attached::Attached;

/// One scheme, host and port that a session talks to.
pub struct Host {
    scheme: Box<str>,
    name: Box<str>,
    port: u16,
    limit: usize,
    /// Tokio's semaphore hands permits out first come, first served.
    slots: Semaphore,
    attached: Attached,
}

impl Host {
    /// The scheme.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The name or address, without brackets around an IPv6 address.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, the scheme's default where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Keeps an observer's own state with the host for as long as the session uses it, unless
    /// there is one of its type; says whether it was kept.
    pub fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.attached.attach(state)
    }

    /// The state of this type that was attached.
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.attached.get()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            scheme: &self.scheme,
            name: &self.name,
            port: self.port,
        }
    }

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
    /// Dropping the future gives the place in the queue up, and no slot is lost.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        let permit = self
            .slots
            .acquire()
            .await
            .expect("the semaphore of a host is never closed");
        permit.forget();
        Slot(Arc::clone(self))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `host:port`, with brackets around an IPv6 address.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// The right to have one request under way, from its send to the end of its body.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Host>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.slots.add_permits(1);
    }
}

/// The hosts that a session talks to.
#[derive(Debug)]
pub(crate) struct HostSlots {
    limit: usize,
    hosts: Mutex<Hosts>,
}

#[derive(Debug)]
struct Hosts {
    by_origin: HashTable<Arc<Host>>,
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
            hasher: DefaultHashBuilder::default(),
            prune_at: FEWEST_TO_PRUNE,
        };
        Self {
            limit: limit.clamp(1, Semaphore::MAX_PERMITS),
            hosts: Mutex::new(hosts),
        }
    }

    pub(crate) fn host(&self, url: &Url) -> Arc<Host> {
        let origin = Origin::of(url);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let Hosts {
            by_origin,
            hasher,
            prune_at,
        } = &mut *hosts;
        let hash = hasher.hash_one(&origin);
        if let Some(host) = by_origin.find(hash, |host| host.origin() == origin) {
            return Arc::clone(host);
        }
        if by_origin.len() >= *prune_at {
            by_origin.retain(|host| Arc::strong_count(host) > 1);
            *prune_at = FEWEST_TO_PRUNE.max(by_origin.len() * 2);
        }
        let host = Arc::new(Host {
            scheme: origin.scheme.into(),
            name: origin.name.into(),
            port: origin.port,
            limit: self.limit,
            slots: Semaphore::new(self.limit),
            attached: Attached::default(),
        });
        by_origin.insert_unique(hash, Arc::clone(&host), |host| {
            hasher.hash_one(host.origin())
        });
        host
    }
}

/// What tells hosts apart, borrowed from a URL: a lookup allocates nothing.
#[derive(PartialEq, Eq, Hash)]
struct Origin<'u> {
    scheme: &'u str,
    name: &'u str,
    port: u16,
}

impl<'u> Origin<'u> {
    fn of(url: &'u Url) -> Self {
        let name = url.host_str().unwrap_or_default();
        let name = name
            .strip_prefix('[')
            .and_then(|n| n.strip_suffix(']'))
            .unwrap_or(name);
        Self {
            scheme: url.scheme(),
            name,
            port: url.port_or_known_default().unwrap_or_default(),
        }
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

    #[test]
    fn a_host_is_shown_as_it_stands_in_a_url() {
        let slots = HostSlots::new(1);
        for (of, scheme, name, port, shown) in [
            ("http://[::1]:8080/", "http", "::1", 8080, "[::1]:8080"),
            ("https://user@h/a?b", "https", "h", 443, "h:443"),
        ] {
            let host = slots.host(&url(of));
            assert_eq!(
                (host.scheme(), host.name(), host.port()),
                (scheme, name, port)
            );
            assert_eq!(
                (host.to_string(), format!("{host:?}")),
                (shown.into(), shown.into())
            );
        }
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
        assert!(slots.hosts.lock().unwrap().by_origin.len() <= FEWEST_TO_PRUNE);
        assert!(Arc::ptr_eq(&busy, &slots.host(&url("http://busy/"))));
    }

    #[test]
    fn hosts_without_a_request_are_remembered_while_they_are_few_beside_those_with_one() {
        for busy in [0, 2 * FEWEST_TO_PRUNE] {
            let slots = HostSlots::new(1);
            let busy: Vec<_> = hosts(&slots, "busy", busy).collect();
            let idle = url("http://idle/");
            assert!(slots.host(&idle).attach("remembered"));
            let few = FEWEST_TO_PRUNE.max(busy.len());
            hosts(&slots, "new", few - 1).for_each(drop);
            let known = slots.host(&idle);
            assert_eq!(
                known.attached(),
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
