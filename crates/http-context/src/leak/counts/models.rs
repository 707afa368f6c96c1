//! Counts by call site, in every interleaving.

use std::panic::Location;
use std::sync::Arc;

use super::*;
use crate::sync::{model, spawn};

#[track_caller]
fn here() -> CallSite {
    Location::caller()
}

/// How many were reported as leaked, and at which call sites.
fn leaked(counts: &CallSiteCounts) -> Vec<(Option<CallSite>, usize)> {
    let holders = counts.mark_leaked();
    holders.map(|one| (one.call_site, one.count)).collect()
}

fn is_of_a_leak(released: Option<Released>) -> usize {
    usize::from(released.is_some_and(|released| released.was_reported))
}

/// What is released, cloned and acquired while an exit reports leaks: each that was reported is resolved, and
/// nothing else.
#[test]
fn what_is_reported_is_resolved_to_the_last_one() {
    model(|| {
        let counts = Arc::new(CallSiteCounts::default());
        let call_site = here();
        let first = counts.acquire(call_site);
        let [cloning, acquiring] = [Arc::clone(&counts), Arc::clone(&counts)];
        let cloning = spawn(move || {
            let reported = usize::from(cloning.acquire_again(first));
            let resolved = is_of_a_leak(cloning.release(first));
            (reported, resolved + is_of_a_leak(cloning.release(first)))
        });
        let acquiring = spawn(move || {
            let index = acquiring.acquire(call_site);
            is_of_a_leak(acquiring.release(index))
        });
        let leaks = leaked(&counts);
        assert!(leaks.iter().all(|(at, _)| *at == Some(call_site)));
        let marked = leaks.iter().map(|(_, count)| count).sum::<usize>();
        let (cloned, resolved) = cloning.join().unwrap();
        let resolved = resolved + acquiring.join().unwrap();
        assert_eq!(marked + cloned, resolved);
        assert!(!counts.any_live());
    });
}

/// Two threads that are the first ones at one call site, while an exit reports leaks.
#[test]
fn what_is_held_at_a_new_call_site_is_reported_with_it() {
    model(|| {
        let counts = Arc::new(CallSiteCounts::default());
        let call_site = here();
        let acquiring = [(); 2].map(|()| {
            let counts = Arc::clone(&counts);
            spawn(move || counts.acquire(call_site))
        });
        let early = leaked(&counts);
        assert!(
            early.iter().all(|(at, _)| *at == Some(call_site)),
            "{early:?}"
        );
        let late = acquiring.map(|thread| {
            let index = thread.join().unwrap();
            assert_eq!(counts.call_site(index), Some(call_site));
            index.is_late()
        });
        let early: usize = early.iter().map(|(_, count)| count).sum();
        let late = late.into_iter().filter(|is_late| *is_late).count();
        assert!(early + late <= 2);
        assert_eq!(leaked(&counts), [(Some(call_site), 2)]);
    });
}

/// An exit that waits for releases hears of each that it waits for.
#[test]
fn an_exit_that_waits_hears_of_the_last_release() {
    model(|| {
        let counts = Arc::new(CallSiteCounts::default());
        let call_site = here();
        let held = [counts.acquire(call_site), counts.acquire(call_site)];
        let releasing = held.map(|index| {
            let counts = Arc::clone(&counts);
            spawn(move || counts.release(index).is_some())
        });
        let is_held = counts.await_releases();
        let heard = releasing.map(|thread| thread.join().unwrap());
        assert!(!is_held || heard.contains(&true));
        assert!(!counts.any_live());
    });
}
