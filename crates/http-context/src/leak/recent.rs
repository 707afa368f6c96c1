//! What leaked lately, and what was opened nested, by call site.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::facts::{Leak, LeakKind, NestedOpen, NestedPolicy};
use crate::identity::CallSite;

/// So many call sites are remembered; beyond it the oldest is forgotten: the leak that was last seen
/// the longest ago, the nested open that was first seen the longest ago.
const REMEMBERED: usize = 256;

/// Leaks of one kind at one pair of call sites.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecentLeak {
    /// The latest of them.
    pub leak: Leak,
    /// How many there were since the process began.
    pub count: u64,
    /// How many of them were released since.
    pub resolved: u64,
    /// When the latest of them was found.
    pub last_seen: Instant,
}

/// Nested opens at one pair of call sites.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecentNestedOpen {
    /// The first of them.
    pub nested: NestedOpen,
    /// How many there were since then.
    pub count: u64,
    /// When the first of them happened.
    pub first_seen: Instant,
}

/// The same while it is counted. A context keeps that of its first nested call site, so that counting
/// once more takes neither lock nor clock.
#[derive(Debug)]
pub(crate) struct NestedCount {
    pub(crate) nested: NestedOpen,
    count: AtomicU64,
    first_seen: Instant,
}

impl NestedCount {
    pub(crate) fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn recent(&self) -> RecentNestedOpen {
        RecentNestedOpen {
            nested: self.nested,
            count: self.count.load(Ordering::Relaxed),
            first_seen: self.first_seen,
        }
    }
}

type LeakKey = (LeakKind, CallSite, Option<CallSite>);
type NestedKey = (QuickCallSite, QuickCallSite, NestedPolicy);

/// A call site that hashes by its line alone: the text of its file would cost more than all the rest
/// of a nested open.
#[derive(Clone, Copy, Eq)]
struct QuickCallSite(CallSite);

impl PartialEq for QuickCallSite {
    fn eq(&self, other: &Self) -> bool {
        // One line may have several locations, but one location is one line.
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

impl Hash for QuickCallSite {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.0.line());
    }
}

/// Taken under no other lock of ours, and nothing of a user runs under it.
static LEAKS: LazyLock<Mutex<HashMap<LeakKey, RecentLeak>>> = LazyLock::new(Mutex::default);
/// As above.
static NESTED: LazyLock<Mutex<HashMap<NestedKey, Arc<NestedCount>>>> =
    LazyLock::new(Mutex::default);

pub(crate) fn note_leak(leak: &Leak) {
    let key = (leak.kind, leak.opened_at, leak.acquired_at);
    let (count, now) = (leak.count as u64, Instant::now());
    let mut leaks = LEAKS.lock();
    if let Some(known) = leaks.get_mut(&key) {
        known.leak.clone_from(leak);
        known.count += count;
        known.last_seen = now;
        return;
    }
    make_room(&mut leaks, |recent| recent.last_seen);
    let leak = leak.clone();
    leaks.insert(
        key,
        RecentLeak {
            leak,
            count,
            resolved: 0,
            last_seen: now,
        },
    );
}

pub(crate) fn note_resolved(leak: &Leak) {
    let key = (leak.kind, leak.opened_at, leak.acquired_at);
    if let Some(known) = LEAKS.lock().get_mut(&key) {
        known.resolved += leak.count as u64;
    }
}

pub(crate) fn note_nested(nested: &NestedOpen) -> Arc<NestedCount> {
    let key = (
        QuickCallSite(nested.outer_opened_at),
        QuickCallSite(nested.called_at),
        nested.policy,
    );
    let mut opens = NESTED.lock();
    if let Some(known) = opens.get(&key) {
        known.note();
        return Arc::clone(known);
    }
    make_room(&mut opens, |known| known.first_seen);
    let count = Arc::new(NestedCount {
        nested: *nested,
        count: AtomicU64::new(1),
        first_seen: Instant::now(),
    });
    opens.insert(key, Arc::clone(&count));
    count
}

pub(crate) fn leaks() -> Vec<RecentLeak> {
    latest_first(LEAKS.lock().values().cloned(), |recent| recent.last_seen)
}

pub(crate) fn nested_opens() -> Vec<RecentNestedOpen> {
    let recent: Vec<_> = NESTED.lock().values().map(|count| count.recent()).collect();
    latest_first(recent.into_iter(), |recent| recent.first_seen)
}

fn latest_first<T>(all: impl Iterator<Item = T>, at: impl Fn(&T) -> Instant) -> Vec<T> {
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|recent| std::cmp::Reverse(at(recent)));
    all
}

fn make_room<K: Copy + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    at: impl Fn(&V) -> Instant,
) {
    if map.len() >= REMEMBERED
        && let Some(oldest) = map
            .iter()
            .min_by_key(|(_, value)| at(value))
            .map(|(key, _)| *key)
    {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::hash::BuildHasher as _;
    use std::panic::Location;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::error::OpenError;
    use crate::identity::ContextId;

    #[track_caller]
    fn nested_at(called_at: CallSite) -> NestedOpen {
        NestedOpen {
            outer: ContextId::next(),
            outer_opened_at: Location::caller(),
            called_at,
            policy: NestedPolicy::PassThrough,
        }
    }

    #[track_caller]
    fn here() -> CallSite {
        Location::caller()
    }

    #[test]
    fn one_call_site_is_one_wherever_the_compiler_wrote_it_down() {
        let here = here();
        // A generic function has its call sites in every crate that uses it.
        let elsewhere: CallSite = Box::leak(Box::new(*here));
        let [one, other] = [here, elsewhere].map(|at| note_nested(&nested_at(at)));
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(one.recent().count, 2);
    }

    #[test]
    fn two_call_sites_of_one_line_are_two() {
        let both = [here(), here()];
        assert_eq!(both[0].line(), both[1].line());
        let [one, other] = both.map(|at| note_nested(&nested_at(at)));
        assert!(!Arc::ptr_eq(&one, &other));
        assert_eq!((one.recent().count, other.recent().count), (1, 1));
    }

    #[test]
    fn call_sites_of_different_lines_hash_apart() {
        let builder = hashbrown::DefaultHashBuilder::default();
        let hash = |at| builder.hash_one(QuickCallSite(at));
        let one = here();
        let other = here();
        assert_ne!(hash(one), hash(other));
    }

    #[test]
    fn beyond_the_call_sites_that_are_remembered_the_oldest_is_forgotten() {
        let start = Instant::now();
        let seconds = |n: usize| start + Duration::from_secs(n as u64);
        let mut map: HashMap<usize, Instant> = HashMap::new();
        for n in 0..REMEMBERED + 10 {
            make_room(&mut map, |at| *at);
            map.insert(n, seconds(n));
        }
        let mut kept: Vec<_> = map.into_keys().collect();
        kept.sort_unstable();
        assert_eq!(kept, (10..REMEMBERED + 10).collect::<Vec<_>>());
    }

    fn open_nested() -> bool {
        let mut nested = pin!(crate::open(ready(Ok::<_, OpenError>(()))));
        let mut cx = Context::from_waker(Waker::noop());
        nested.as_mut().poll(&mut cx).is_ready()
    }

    #[tokio::test]
    async fn a_nested_open_takes_no_lock_once_its_call_site_is_known() {
        let work = crate::builder().lazy().open(async {
            assert!(open_nested());
            let context = crate::current().unwrap();
            let locked = NESTED.lock();
            let (opened, is_open) = mpsc::channel();
            let other = thread::spawn(move || opened.send(context.sync_scope(open_nested)));
            let opened = is_open.recv_timeout(Duration::from_secs(10));
            drop(locked);
            assert_eq!(opened, Ok(true), "it waited for the lock");
            other.join().unwrap().unwrap();
            Ok::<_, OpenError>(())
        });
        let (result, report) = work.with_report().await;
        result.unwrap();
        assert_eq!(report.unwrap().nested_opens, 2);
    }
}
