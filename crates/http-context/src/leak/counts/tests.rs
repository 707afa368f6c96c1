//! Counts by call site, in one thread.

use std::panic::Location;

use super::*;

#[track_caller]
fn here() -> CallSite {
    Location::caller()
}

fn live(counts: &CallSiteCounts) -> Vec<(Option<CallSite>, usize)> {
    counts
        .mark_leaked()
        .map(|holders| (holders.call_site, holders.count))
        .collect()
}

const OF_A_LEAK: Option<Released> = Some(Released { was_reported: true });
const OF_NONE: Option<Released> = Some(Released {
    was_reported: false,
});

#[test]
fn an_exit_that_waits_hears_of_each_release_and_takes_none_for_a_leak() {
    let counts = CallSiteCounts::default();
    assert!(!counts.await_releases());
    let (first, other) = (counts.acquire(here()), counts.acquire(here()));
    assert_eq!(counts.release(other), None);
    assert!(counts.await_releases());
    counts.acquire_again(first);
    assert_eq!([counts.release(first), counts.release(first)], [OF_NONE; 2]);
    assert!(!counts.await_releases() && !counts.any_live());
    assert_eq!(live(&counts), []);
}

#[test]
fn what_is_released_is_no_longer_live() {
    let counts = CallSiteCounts::default();
    let call_site = here();
    let index = counts.acquire(call_site);
    counts.acquire_again(index);
    counts.release(index);
    assert_eq!(live(&counts), [(Some(call_site), 1)]);
    counts.release(index);
    assert_eq!(live(&counts), []);
}

#[test]
fn a_release_resolves_what_was_reported_as_leaked() {
    let counts = CallSiteCounts::default();
    let index = counts.acquire(here());
    assert!(!counts.acquire_again(index));
    assert_eq!(counts.release(index), None);
    assert_eq!(live(&counts).len(), 1);
    assert!(counts.acquire_again(index));
    assert_eq!(
        [counts.release(index), counts.release(index)],
        [OF_A_LEAK; 2]
    );
}

#[test]
fn what_is_acquired_after_the_report_is_not_part_of_it() {
    let counts = CallSiteCounts::default();
    let call_site = here();
    let reported = counts.acquire(call_site);
    assert_eq!(live(&counts), [(Some(call_site), 1)]);
    let late = counts.acquire(call_site);
    assert!(!counts.acquire_again(late));
    assert_eq!([counts.release(late), counts.release(late)], [OF_NONE; 2]);
    assert_eq!(counts.release(reported), OF_A_LEAK);
}

/// Four more than a table has entries.
fn many_call_sites() -> Vec<CallSite> {
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
fn what_comes_too_late_is_counted_at_its_call_site_and_resolves_nothing() {
    for call_site in many_call_sites() {
        let counts = CallSiteCounts::default();
        let reported = counts.acquire(call_site);
        assert_eq!(counts.mark_leaked().count(), 1);
        let late = counts.acquire(call_site);
        assert_eq!(counts.call_site(late), Some(call_site));
        assert_eq!(counts.release(late), OF_NONE);
        assert_eq!(counts.release(reported), OF_A_LEAK);
        assert!(!counts.any_live());
    }
}

#[test]
fn as_many_call_sites_as_there_are_entries_are_counted_apart() {
    // Wherever in the table the search for each of them begins.
    for call_sites in many_call_sites().windows(CALL_SITES) {
        let counts = CallSiteCounts::default();
        for call_site in call_sites {
            counts.acquire(call_site);
        }
        let live = live(&counts);
        assert!(
            call_sites
                .iter()
                .all(|call_site| live.contains(&(Some(call_site), 1)))
        );
    }
}

#[test]
fn call_sites_are_spread_over_the_entries() {
    let mut firsts: Vec<_> = many_call_sites().into_iter().map(first_of).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > CALL_SITES / 4, "{firsts:?}");
}

#[test]
fn more_call_sites_than_entries_are_still_counted() {
    let counts = CallSiteCounts::default();
    let call_sites = many_call_sites();
    for call_site in &call_sites {
        counts.acquire(call_site);
    }
    let live = live(&counts);
    assert_eq!(live.iter().map(|(_, n)| n).sum::<usize>(), call_sites.len());
    assert_eq!(live.last(), Some(&(None, call_sites.len() - CALL_SITES)));
}
