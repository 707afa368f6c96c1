//! Lookups and admission against the close of the session and the exit, in every interleaving.

mod sample;

use std::panic::Location;
use std::sync::Arc;

use loom::future::block_on;

pub(crate) use self::sample::{Answer, Sample, Sent};
use crate::identity::CallSite;
use crate::sync::{model, spawn};
use crate::wait_until::wait_until;

#[track_caller]
fn here() -> CallSite {
    Location::caller()
}

/// Whoever gets a handle is seen by who closes first and looks second.
fn every_handle_is_seen(is_known: bool) {
    model(move || {
        let (sample, call_site) = (Sample::new(Answer::Never), here());
        if is_known {
            drop(sample.sessions.acquire_open(call_site));
        }
        let looking = Arc::clone(&sample.sessions);
        let looking = spawn(move || looking.acquire_open(call_site));
        let id = sample.sessions.open_id().unwrap();
        assert!(sample.sessions.close_gate(id));
        let is_held = sample.sessions.has_holders();
        let handle = looking.join().unwrap();
        assert!(is_held || handle.is_none());
        drop(handle);
        assert!(!sample.sessions.has_holders());
        sample.end();
    });
}

#[test]
fn an_exit_sees_every_handle_that_was_given_where_one_was_given_before() {
    every_handle_is_seen(true);
}

#[test]
fn an_exit_sees_every_handle_that_was_given_where_it_is_the_first() {
    every_handle_is_seen(false);
}

/// Who finds that there are no sessions so far, and makes their state, is seen by an exit or sees it.
#[test]
fn an_exit_sees_the_state_of_the_sessions_or_is_seen() {
    model(|| {
        let context = Sample::context(&Arc::default());
        let looking = context.clone();
        let looking = spawn(move || {
            looking.sessions().unwrap();
            looking.is_closed()
        });
        context.begin_exit(context.info().opened);
        let sees = context.sessions_if_any().is_some();
        let is_seen = looking.join().unwrap();
        assert!(sees || is_seen);
        context.end_exit();
    });
}

/// A request that is admitted is seen by who closes first and looks second, and is cut off; one that is not fails.
#[test]
fn an_exit_sees_every_request_that_was_admitted() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let sent = Sample::send(&sample.handle().unwrap());
        let sending = spawn(move || block_on(sent).is_err());
        sample.context.begin_exit(sample.now());
        let admitted = sample.sessions.requests.all();
        for exchange in &admitted {
            exchange.abort();
        }
        drop(admitted);
        // It would wait for ever if it had been missed.
        assert!(sending.join().unwrap());
        assert!(sample.context.is_idle());
        sample.facts.assert_all_over();
        sample.end();
    });
}

/// An exit that waits for those who hold the session is woken by the last of them.
#[test]
fn an_exit_that_waits_for_holders_is_woken() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let holding = [sample.handle(), sample.handle()].map(|handle| spawn(move || drop(handle)));
        sample.context.begin_exit(sample.now());
        let scope = sample.context.scope();
        block_on(wait_until(&scope.changed, || {
            !sample.sessions.await_holders()
        }));
        for thread in holding {
            thread.join().unwrap();
        }
        sample.facts.assert_all_over();
        sample.end();
    });
}

/// An exit that waits for requests is woken by the end of the last one.
#[test]
fn an_exit_that_waits_for_requests_is_woken() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let mut sent = Sample::send(&sample.handle().unwrap());
        assert!(Sample::poll_once(&mut sent).is_none());
        let dropping = spawn(move || drop(sent));
        sample.context.begin_exit(sample.now());
        let scope = sample.context.scope();
        block_on(wait_until(&scope.changed, || sample.context.is_idle()));
        dropping.join().unwrap();
        sample.facts.assert_all_over();
        sample.end();
    });
}
