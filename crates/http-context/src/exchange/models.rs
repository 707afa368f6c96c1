//! A request, its body and the connection that it upgraded against what cuts them off, in every interleaving.

use std::io;

use loom::future::block_on;
use reqwest::Response;
use tokio::io::AsyncReadExt as _;

use crate::session::Upgraded;
use crate::session::models::{Answer, Sample, Sent};
use crate::sync::{model, spawn};

/// As an exit cuts off what is in flight.
fn cut_off(sample: &Sample) {
    sample.context.begin_exit(sample.now());
    for exchange in sample.sessions.requests.all() {
        exchange.abort();
    }
}

/// After all that: nothing is in flight, and everything has ended once.
fn assert_over(sample: Sample) {
    assert!(sample.context.is_idle());
    sample.facts.assert_all_over();
    sample.end();
}

/// A request that is under way before the exit.
fn under_way(sample: &Sample) -> Sent {
    let mut sent = Sample::send(&sample.handle().unwrap());
    assert!(Sample::poll_once(&mut sent).is_none());
    sent
}

fn answered(sample: &Sample) -> Response {
    let mut sent = Sample::send(&sample.handle().unwrap());
    Sample::poll_once(&mut sent).unwrap().unwrap()
}

fn upgraded(sample: &Sample) -> Upgraded {
    let request = sample.handle().unwrap().get("http://h/");
    block_on(request.header("upgrade", "any").upgrade()).unwrap()
}

/// Its caller waits for it, and hears of the cut.
#[test]
fn a_request_that_is_cut_off_while_it_is_polled_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let sent = under_way(&sample);
        let waiting = spawn(move || block_on(sent).is_err());
        cut_off(&sample);
        assert!(waiting.join().unwrap());
        assert_over(sample);
    });
}

#[test]
fn a_request_that_is_cut_off_while_it_is_dropped_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let sent = under_way(&sample);
        let dropping = spawn(move || drop(sent));
        cut_off(&sample);
        dropping.join().unwrap();
        assert_over(sample);
    });
}

/// Two cut it off, as an early close and an exit do.
#[test]
fn a_request_that_two_cut_off_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Never);
        let sent = under_way(&sample);
        let exchange = sample.sessions.requests.all().remove(0);
        let closing = spawn(move || exchange.abort());
        cut_off(&sample);
        closing.join().unwrap();
        assert!(block_on(sent).is_err());
        assert_over(sample);
    });
}

/// Its caller gets an answer, or hears of the cut, and keeps what it got.
#[test]
fn a_request_that_is_cut_off_while_it_is_answered_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Body);
        let sent = Sample::send(&sample.handle().unwrap());
        let answering = spawn(move || block_on(sent));
        cut_off(&sample);
        let kept = answering.join().unwrap();
        if let Err(error) = &kept {
            assert!(error.is_session_closed());
        }
        assert_over(sample);
        drop(kept);
    });
}

#[test]
fn a_body_that_is_cut_off_while_it_is_read_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Body);
        let mut response = answered(&sample);
        let reading = spawn(move || {
            block_on(async { while let Ok(Some(_)) = response.chunk().await {} });
        });
        cut_off(&sample);
        reading.join().unwrap();
        assert_over(sample);
    });
}

#[test]
fn a_body_that_is_cut_off_while_it_is_dropped_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Body);
        let response = answered(&sample);
        let dropping = spawn(move || drop(response));
        cut_off(&sample);
        dropping.join().unwrap();
        assert_over(sample);
    });
}

/// Whoever waits for what comes over it hears of the cut.
#[test]
fn an_upgraded_connection_that_is_cut_off_while_it_is_read_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let mut upgraded = upgraded(&sample);
        let reading = spawn(move || {
            let read = block_on(upgraded.read_u8());
            read.map_err(|error| error.kind())
        });
        cut_off(&sample);
        assert_eq!(
            reading.join().unwrap(),
            Err(io::ErrorKind::ConnectionAborted)
        );
        assert_over(sample);
    });
}

#[test]
fn an_upgraded_connection_that_is_cut_off_while_it_is_dropped_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let upgraded = upgraded(&sample);
        let dropping = spawn(move || drop(upgraded));
        cut_off(&sample);
        dropping.join().unwrap();
        assert_over(sample);
    });
}

/// It is cut off while its response is on its way to its caller.
#[test]
fn a_request_that_is_cut_off_while_it_is_upgraded_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let request = sample.handle().unwrap().get("http://h/");
        let upgrading = request.header("upgrade", "any").upgrade();
        let upgrading = spawn(move || drop(block_on(upgrading)));
        cut_off(&sample);
        upgrading.join().unwrap();
        assert_over(sample);
    });
}
