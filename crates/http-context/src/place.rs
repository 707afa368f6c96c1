//! Call sites: who holds how many of a thing, without a lock and without an allocation.

use std::backtrace::Backtrace;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::backtrace;

/// A line of source code, as `#[track_caller]` gives it.
pub type Place = &'static Location<'static>;

/// How many distinct places one table tells apart. Beyond it the count still holds, and the place
/// is told as unknown.
const PLACES: usize = 16;

/// Index of the entry that counts for all places that found no entry of their own.
const OVERFLOW: usize = PLACES;

/// Set in a count once its context has told what is live as leaked. From then on each release is
/// told as well, and each clone is one more leak: so what is told stays exact.
const TOLD: usize = 1 << (usize::BITS - 1);

/// Counts live things by the place that acquired them.
///
/// Entries are claimed once and never freed, so an index stays valid for the life of the table and
/// a thing can give itself back without searching.
#[derive(Debug, Default)]
pub(crate) struct PlaceCounts {
    counts: [Count; PLACES + 1],
    sources: [Source; PLACES + 1],
    /// A bit for each entry that was ever claimed, so that an exit looks at those alone.
    claimed: AtomicU32,
}

/// Small, since a lookup goes through it.
#[derive(Debug, Default)]
struct Count {
    /// The address of the place, to know it again by. 0 until there is one.
    key: AtomicUsize,
    live: AtomicUsize,
}

#[derive(Debug, Default)]
struct Source {
    place: OnceLock<Place>,
    /// Of the first that was sampled here.
    backtrace: OnceLock<Arc<Backtrace>>,
}

/// What is live at one place.
#[derive(Debug)]
pub(crate) struct Holders {
    /// Unknown for those beyond the places that are told apart.
    pub(crate) place: Option<Place>,
    pub(crate) count: usize,
    pub(crate) backtrace: Option<Arc<Backtrace>>,
}

/// Which entry of a [`PlaceCounts`] a live thing is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceIndex(u8);

/// Set in the index of what was acquired after the others of its entry had been told: it is not one
/// of those, and letting it go resolves nothing.
const LATE: u8 = 1 << 7;

impl PlaceIndex {
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

impl PlaceCounts {
    #[allow(
        clippy::inline_always,
        reason = "a call would cost as much again: this is most of `http_session()`"
    )]
    #[inline(always)]
    pub(crate) fn acquire(&self, place: Place) -> PlaceIndex {
        let first = first_of(place);
        // Nearly always it was seen before, nothing else stands in its way, and nothing is sampled.
        if self.counts[first].key.load(Ordering::Acquire) == address_of(place)
            && !backtrace::is_on()
        {
            return self.acquire_at(first);
        }
        self.acquire_slowly(place)
    }

    #[cold]
    #[inline(never)]
    fn acquire_slowly(&self, place: Place) -> PlaceIndex {
        let index = self.entry_of(place);
        if let Some(backtrace) = backtrace::sampled() {
            let _ = self.sources[index].backtrace.set(backtrace);
        }
        self.acquire_at(index)
    }

    #[inline]
    fn acquire_at(&self, index: usize) -> PlaceIndex {
        if self.counts[index].live.fetch_add(1, Ordering::SeqCst) & TOLD != 0 {
            return PlaceIndex::late(index);
        }
        PlaceIndex::of(index)
    }

    /// Counts one more at a place that is known; says whether it is one more of those that were
    /// told as leaked.
    pub(crate) fn acquire_again(&self, index: PlaceIndex) -> bool {
        let was_told = self.count(index).fetch_add(1, Ordering::SeqCst) & TOLD != 0;
        was_told && !index.is_late()
    }

    /// Gives one back; says whether it was told as leaked.
    pub(crate) fn release(&self, index: PlaceIndex) -> bool {
        let was_told = self.count(index).fetch_sub(1, Ordering::SeqCst) & TOLD != 0;
        was_told && !index.is_late()
    }

    /// Every place with something still live, and how much, to be told as leaked.
    pub(crate) fn tell_live(&self) -> impl Iterator<Item = Holders> + '_ {
        self.claimed()
            .map(|index| {
                let (count, source) = (&self.counts[index], &self.sources[index]);
                Holders {
                    count: count.live.fetch_or(TOLD, Ordering::SeqCst) & !TOLD,
                    place: source.place.get().copied(),
                    backtrace: source.backtrace.get().cloned(),
                }
            })
            .filter(|holders| holders.count > 0)
    }

    pub(crate) fn any_live(&self) -> bool {
        let live = |index: usize| self.counts[index].live.load(Ordering::SeqCst) & !TOLD;
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

    pub(crate) fn place(&self, index: PlaceIndex) -> Option<Place> {
        self.sources[index.entry()].place.get().copied()
    }

    fn count(&self, index: PlaceIndex) -> &AtomicUsize {
        &self.counts[index.entry()].live
    }

    fn entry_of(&self, place: Place) -> usize {
        let start = first_of(place);
        for step in 0..PLACES {
            let index = (start + step) % PLACES;
            let owner = self.sources[index].place.get_or_init(|| {
                self.claim(index);
                self.counts[index]
                    .key
                    .store(address_of(place), Ordering::Release);
                place
            });
            if std::ptr::eq(*owner, place) {
                return index;
            }
        }
        self.claim(OVERFLOW);
        OVERFLOW
    }
}

/// Where the search for the entry of a place begins.
fn first_of(place: Place) -> usize {
    // Locations are aligned statics: the low bits say nothing.
    (address_of(place) >> 4) % PLACES
}

fn address_of(place: Place) -> usize {
    std::ptr::from_ref(place).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here() -> Place {
        Location::caller()
    }

    fn live(counts: &PlaceCounts) -> Vec<(Option<Place>, usize)> {
        counts
            .tell_live()
            .map(|holders| (holders.place, holders.count))
            .collect()
    }

    #[test]
    fn what_is_released_is_no_longer_live() {
        let counts = PlaceCounts::default();
        let place = here();
        let index = counts.acquire(place);
        counts.acquire_again(index);
        counts.release(index);
        assert_eq!(live(&counts), [(Some(place), 1)]);
        counts.release(index);
        assert_eq!(live(&counts), []);
    }

    #[test]
    fn a_release_is_told_if_what_is_released_was_told_as_leaked() {
        let counts = PlaceCounts::default();
        let index = counts.acquire(here());
        assert!(!counts.acquire_again(index));
        assert!(!counts.release(index));
        assert_eq!(live(&counts).len(), 1);
        assert!(counts.acquire_again(index));
        assert!(counts.release(index));
        assert!(counts.release(index));
    }

    #[test]
    fn what_is_acquired_after_the_others_were_told_is_none_of_them() {
        let counts = PlaceCounts::default();
        let place = here();
        let told = counts.acquire(place);
        assert_eq!(live(&counts), [(Some(place), 1)]);
        let late = counts.acquire(place);
        assert!(!counts.acquire_again(late));
        assert!(!counts.release(late) && !counts.release(late));
        assert!(counts.release(told));
    }

    /// Four more than a table tells apart.
    fn many_places() -> Vec<Place> {
        vec![
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
        ]
    }

    #[test]
    fn what_comes_too_late_is_counted_at_its_place_and_resolves_nothing() {
        for place in many_places() {
            let counts = PlaceCounts::default();
            let told = counts.acquire(place);
            assert_eq!(counts.tell_live().count(), 1);
            let late = counts.acquire(place);
            assert_eq!(counts.place(late), Some(place));
            assert!(!counts.release(late));
            assert!(counts.release(told));
            assert!(!counts.any_live());
        }
    }

    #[test]
    fn as_many_places_as_there_are_entries_are_told_apart() {
        // Wherever in the table the search for each of them begins.
        for places in many_places().windows(PLACES) {
            let counts = PlaceCounts::default();
            for place in places {
                counts.acquire(place);
            }
            let told = live(&counts);
            assert!(places.iter().all(|place| told.contains(&(Some(place), 1))));
        }
    }

    #[test]
    fn places_are_spread_over_the_entries() {
        let mut firsts: Vec<_> = many_places().into_iter().map(first_of).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert!(firsts.len() > PLACES / 4, "{firsts:?}");
    }

    #[test]
    fn more_places_than_entries_are_still_counted() {
        let counts = PlaceCounts::default();
        let places = many_places();
        for place in &places {
            counts.acquire(place);
        }
        let live = live(&counts);
        assert_eq!(live.iter().map(|(_, n)| n).sum::<usize>(), places.len());
        assert_eq!(live.last(), Some(&(None, places.len() - PLACES)));
    }
}
