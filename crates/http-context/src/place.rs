//! Call sites: who holds how many of a thing, without a lock and without an allocation.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A line of source code, as `#[track_caller]` gives it.
pub type Place = &'static Location<'static>;

/// How many distinct places one table tells apart. Beyond it the count still holds, and the place
/// is told as unknown.
const PLACES: usize = 16;

/// Index of the entry that counts for all places that found no entry of their own.
const OVERFLOW: usize = PLACES;

/// Counts live things by the place that acquired them.
///
/// Entries are claimed once and never freed, so an index stays valid for the life of the table and
/// a thing can give itself back without searching.
#[derive(Debug, Default)]
pub(crate) struct PlaceCounts {
    entries: [Entry; PLACES + 1],
}

#[derive(Debug, Default)]
struct Entry {
    place: OnceLock<Place>,
    live: AtomicUsize,
}

/// Which entry of a [`PlaceCounts`] a live thing is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceIndex(u8);

impl PlaceCounts {
    pub(crate) fn acquire(&self, place: Place) -> PlaceIndex {
        let index = self.entry_of(place);
        self.entries[index].live.fetch_add(1, Ordering::Relaxed);
        #[allow(clippy::cast_possible_truncation, reason = "the table has 17 entries")]
        PlaceIndex(index as u8)
    }

    pub(crate) fn acquire_again(&self, index: PlaceIndex) {
        self.entry(index).live.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives one back; says whether this was the last one at its place.
    pub(crate) fn release(&self, index: PlaceIndex) {
        self.entry(index).live.fetch_sub(1, Ordering::AcqRel);
    }

    /// Every place with something still live, and how much.
    pub(crate) fn live(&self) -> impl Iterator<Item = (Option<Place>, usize)> + '_ {
        self.entries
            .iter()
            .map(|entry| {
                (
                    entry.place.get().copied(),
                    entry.live.load(Ordering::Acquire),
                )
            })
            .filter(|(_, live)| *live > 0)
    }

    pub(crate) fn place(&self, index: PlaceIndex) -> Option<Place> {
        self.entry(index).place.get().copied()
    }

    fn entry(&self, index: PlaceIndex) -> &Entry {
        &self.entries[usize::from(index.0)]
    }

    fn entry_of(&self, place: Place) -> usize {
        // Locations are aligned statics: the low bits say nothing.
        let start = (std::ptr::from_ref(place).addr() >> 4) % PLACES;
        for step in 0..PLACES {
            let index = (start + step) % PLACES;
            let owner = self.entries[index].place.get_or_init(|| place);
            if std::ptr::eq(*owner, place) {
                return index;
            }
        }
        OVERFLOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here() -> Place {
        Location::caller()
    }

    #[test]
    fn what_is_released_is_no_longer_live() {
        let counts = PlaceCounts::default();
        let place = here();
        let index = counts.acquire(place);
        counts.acquire_again(index);
        counts.release(index);
        assert_eq!(counts.live().collect::<Vec<_>>(), [(Some(place), 1)]);
        counts.release(index);
        assert_eq!(counts.live().count(), 0);
    }

    #[test]
    fn more_places_than_entries_are_still_counted() {
        let counts = PlaceCounts::default();
        let places: Vec<Place> = vec![
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
        ];
        for place in &places {
            counts.acquire(place);
        }
        let live: Vec<_> = counts.live().collect();
        assert_eq!(live.iter().map(|(_, n)| n).sum::<usize>(), places.len());
        assert_eq!(live.last(), Some(&(None, places.len() - PLACES)));
    }
}
