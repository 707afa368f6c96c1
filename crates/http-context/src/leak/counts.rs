//! Who holds how many of a thing, by call site, without a lock and without an allocation.

use std::backtrace::Backtrace;
use std::sync::Arc;

use super::backtrace;
use crate::identity::CallSite;
use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How many distinct call sites one table counts apart. Beyond it the count still holds, and the call
/// site is unknown.
const CALL_SITES: usize = 16;

/// Index of the entry that counts for all call sites that found no entry of their own.
const OVERFLOW: usize = CALL_SITES;

/// Set in a count once its context has reported what is live as leaked. From then on each release is
/// reported too, and each clone is one more leak: so the report stays exact.
const REPORTED: usize = 1 << (usize::BITS - 1);

/// Set in a count once the exit of its context waits for releases: from then on it hears of each.
const AWAITED: usize = 1 << (usize::BITS - 2);

/// What is not the count itself. A release looks at both at once, which costs no more than one.
const MARKS: usize = REPORTED | AWAITED;

/// Counts live things by the call site that acquired them.
///
/// Entries are claimed once and never freed, so an index stays valid for the life of the table and
/// a thing can give itself back without searching.
#[derive(Debug, Default)]
pub(crate) struct CallSiteCounts {
    counts: [Count; CALL_SITES + 1],
    call_sites: [OnceLock<CallSite>; CALL_SITES + 1],
    /// Of the first that was sampled at each; made when one is.
    backtraces: OnceLock<Box<Backtraces>>,
    /// A bit for each entry that was ever claimed, so that an exit looks at those alone.
    claimed: AtomicU32,
}

type Backtraces = [OnceLock<Arc<Backtrace>>; CALL_SITES + 1];

/// Small, since a lookup goes through it.
#[derive(Debug, Default)]
struct Count {
    /// The address of the call site, to know it again by. 0 until there is one.
    key: AtomicUsize,
    live: AtomicUsize,
}

/// What is live at one call site.
#[derive(Debug)]
pub(crate) struct Holders {
    /// Unknown for those beyond the entries of the table.
    pub(crate) call_site: Option<CallSite>,
    pub(crate) count: usize,
    pub(crate) backtrace: Option<Arc<Backtrace>>,
}

/// A release that concerns the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    /// Whether it was reported as leaked.
    pub(crate) was_reported: bool,
}

/// Which entry of a [`CallSiteCounts`] a live thing is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSiteIndex(u8);

/// Set in the index of what was acquired after the others of its entry had been reported: it is not
/// one of those, and its release resolves nothing.
const LATE: u8 = 1 << 7;

impl CallSiteIndex {
    fn of(index: usize) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "the table has 17 entries")]
        Self(index as u8)
    }

    #[cold]
    fn late(index: usize) -> Self {
        Self(Self::of(index).0 | LATE)
    }

    fn entry(self) -> usize {
        usize::from(self.0 & !LATE)
    }

    fn is_late(self) -> bool {
        self.0 & LATE != 0
    }
}

impl CallSiteCounts {
    #[allow(
        clippy::inline_always,
        reason = "a call would cost as much again: this is most of `http_session()`"
    )]
    #[inline(always)]
    pub(crate) fn acquire(&self, call_site: CallSite) -> CallSiteIndex {
        let first = first_of(call_site);
        // Nearly always it was seen before, nothing else stands in its way, and nothing is sampled.
        if self.counts[first].key.load(Ordering::Acquire) == address_of(call_site)
            && !backtrace::is_on()
        {
            return self.acquire_at(first);
        }
        self.acquire_slowly(call_site)
    }

    #[cold]
    #[inline(never)]
    fn acquire_slowly(&self, call_site: CallSite) -> CallSiteIndex {
        let index = self.entry_of(call_site);
        if let Some(backtrace) = backtrace::sampled() {
            let backtraces = self.backtraces.get_or_init(Box::default);
            let _ = backtraces[index].set(backtrace);
        }
        self.acquire_at(index)
    }

    #[inline]
    fn acquire_at(&self, index: usize) -> CallSiteIndex {
        if self.counts[index].live.fetch_add(1, Ordering::SeqCst) & REPORTED != 0 {
            return CallSiteIndex::late(index);
        }
        CallSiteIndex::of(index)
    }

    /// Counts one more at a call site that is known. Returns whether it is one more of those that
    /// were reported as leaked.
    pub(crate) fn acquire_again(&self, index: CallSiteIndex) -> bool {
        let was_reported = self.count(index).fetch_add(1, Ordering::SeqCst) & REPORTED != 0;
        was_reported && !index.is_late()
    }

    /// Gives one back. `None` where no exit is concerned, which is nearly always.
    pub(crate) fn release(&self, index: CallSiteIndex) -> Option<Released> {
        let marks = self.count(index).fetch_sub(1, Ordering::SeqCst) & MARKS;
        (marks != 0).then(|| Released {
            was_reported: marks & REPORTED != 0 && !index.is_late(),
        })
    }

    /// Whether anything is live, whose release the exit is to hear of from here on.
    pub(crate) fn await_releases(&self) -> bool {
        let live = self
            .claimed()
            .map(|index| self.counts[index].live.fetch_or(AWAITED, Ordering::SeqCst) & !MARKS);
        // All of them are marked, whatever the first one says.
        live.fold(0, |all, live| all | live) > 0
    }

    /// Every call site with something still live, and how much; each is marked as reported.
    pub(crate) fn mark_leaked(&self) -> impl Iterator<Item = Holders> + '_ {
        self.claimed()
            .map(|index| {
                let backtraces = self.backtraces.get();
                Holders {
                    count: self.counts[index].live.fetch_or(REPORTED, Ordering::SeqCst) & !MARKS,
                    call_site: self.call_sites[index].get().copied(),
                    backtrace: backtraces.and_then(|all| all[index].get().cloned()),
                }
            })
            .filter(|holders| holders.count > 0)
    }

    pub(crate) fn any_live(&self) -> bool {
        let live = |index: usize| self.counts[index].live.load(Ordering::SeqCst) & !MARKS;
        self.claimed().any(|index| live(index) > 0)
    }

    fn claimed(&self) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.claimed.load(Ordering::SeqCst);
        std::iter::from_fn(move || {
            let index = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(index as usize)
        })
    }

    /// Marks an entry as claimed, before anything is counted in it.
    fn claim(&self, index: usize) {
        self.claimed.fetch_or(1 << index, Ordering::SeqCst);
    }

    pub(crate) fn call_site(&self, index: CallSiteIndex) -> Option<CallSite> {
        self.call_sites[index.entry()].get().copied()
    }

    fn count(&self, index: CallSiteIndex) -> &AtomicUsize {
        &self.counts[index.entry()].live
    }

    fn entry_of(&self, call_site: CallSite) -> usize {
        let start = first_of(call_site);
        for step in 0..CALL_SITES {
            let index = (start + step) % CALL_SITES;
            let owner = self.call_sites[index].get_or_init(|| {
                self.claim(index);
                call_site
            });
            if std::ptr::eq(*owner, call_site) {
                // Only now, since whoever finds it here counts at once, and by then an exit has to know
                // the call site.
                let key = &self.counts[index].key;
                key.store(address_of(call_site), Ordering::Release);
                return index;
            }
        }
        self.claim(OVERFLOW);
        OVERFLOW
    }
}

/// Where the search for the entry of a call site begins.
fn first_of(call_site: CallSite) -> usize {
    // Locations are aligned statics: the low bits say nothing.
    (address_of(call_site) >> 4) % CALL_SITES
}

fn address_of(call_site: CallSite) -> usize {
    std::ptr::from_ref(call_site).addr()
}

#[cfg(all(test, http_context_loom))]
mod models;
#[cfg(test)]
mod tests;
