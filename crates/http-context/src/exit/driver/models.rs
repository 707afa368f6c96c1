//! An exit whose drain deadline has come, against what is still at work, in every interleaving.

use loom::future::block_on;

use super::*;
use crate::session::models::{Answer, Sample};
use crate::sync::{model, spawn};

/// The steps of an awaited exit from the drain deadline on, without what waits in between.
fn exit(sample: &Sample) -> ExitReport {
    let context = sample.context.clone();
    let mut exit = Exit::new(context.clone());
    exit.refuse(Outcome::Completed);
    exit.find_living(&context);
    exit.abort(&context);
    drop_unpooled(&context);
    exit.find_holders(&context);
    exit.settle(&context);
    exit.report().unwrap()
}

/// What the exit reports as leaked is what observers heard, and each of it is resolved once it is let go of.
fn assert_over(sample: &Sample, report: &ExitReport, late: usize) {
    let counts = report.leaks.iter().map(|leak| leak.count).sum::<usize>();
    assert_eq!(counts + late, sample.facts.leaked());
    assert_eq!(report.requests, sample.facts.started() as u64);
    sample.facts.assert_all_over();
    assert!(!sample.sessions.has_holders() && sample.context.is_idle());
}

/// A handle is cloned into a request that is sent and dropped.
#[test]
fn what_a_request_holds_is_reported_and_resolved() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let handle = sample.handle().unwrap();
        let sending = spawn(move || {
            let mut sent = Sample::send(&handle);
            drop(handle);
            Sample::poll_once(&mut sent);
        });
        let report = exit(&sample);
        sending.join().unwrap();
        assert_over(&sample, &report, 0);
    });
}

/// A client is cloned after and before the exit marks it as leaked: what is cloned after that is one leak more.
#[test]
fn what_is_cloned_of_a_leak_is_one_more() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let client = sample.handle().unwrap().client();
        let cloning = spawn(move || drop([client.clone(), client]));
        let report = exit(&sample);
        let reported = report.leaks.iter().map(|leak| leak.count).sum::<usize>();
        cloning.join().unwrap();
        let late = sample.facts.leaked() - reported;
        assert!(late <= 1);
        assert_over(&sample, &report, late);
    });
}

/// A body is read, and dropped.
#[test]
fn a_body_that_is_cut_off_is_reported_and_resolved() {
    model(|| {
        let sample = Sample::new(Answer::Body);
        let mut sent = Sample::send(&sample.handle().unwrap());
        let mut response = Sample::poll_once(&mut sent).unwrap().unwrap();
        drop(sent);
        let reading = spawn(move || drop(block_on(response.chunk())));
        let report = exit(&sample);
        reading.join().unwrap();
        assert_over(&sample, &report, 0);
    });
}

/// It is dropped while an early close ends it and the exit marks it: whoever lets go of it may have seen no mark.
#[test]
fn a_body_that_is_dropped_while_two_end_it_is_reported_and_resolved() {
    model(|| {
        let sample = Sample::new(Answer::Body);
        let mut sent = Sample::send(&sample.handle().unwrap());
        let response = Sample::poll_once(&mut sent).unwrap().unwrap();
        drop(sent);
        let exchange = sample.sessions.requests.all().remove(0);
        let closing = spawn(move || exchange.abort());
        let dropping = spawn(move || drop(response));
        let report = exit(&sample);
        closing.join().unwrap();
        dropping.join().unwrap();
        assert_over(&sample, &report, 0);
    });
}

/// A child of the context ends.
#[test]
fn a_child_that_ends_at_the_deadline_is_reported_and_resolved() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let context = sample.context.clone();
        let key = context.child_list().enter(std::panic::Location::caller());
        let ending = spawn(move || context.child_list().leave(key, context.scope()));
        let report = exit(&sample);
        ending.join().unwrap();
        assert_over(&sample, &report, 0);
    });
}

/// A request is answered, and its body dropped.
#[test]
fn a_request_that_is_answered_at_the_deadline_is_reported_and_resolved() {
    model(|| {
        let sample = Sample::new(Answer::Body);
        let sent = Sample::send(&sample.handle().unwrap());
        let answering = spawn(move || drop(block_on(sent)));
        let report = exit(&sample);
        answering.join().unwrap();
        assert_over(&sample, &report, 0);
    });
}

/// An upgraded connection is dropped.
#[test]
fn an_upgraded_connection_that_is_cut_off_is_reported_and_resolved() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let request = sample.handle().unwrap().get("http://h/");
        let upgraded = block_on(request.header("upgrade", "any").upgrade()).unwrap();
        let dropping = spawn(move || drop(upgraded));
        let report = exit(&sample);
        dropping.join().unwrap();
        assert_over(&sample, &report, 0);
    });
}
