//! A WebSocket against the exit that cuts it off, in every interleaving.

use std::future::poll_fn;

use loom::future::block_on;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::session::models::{Answer, Sample};
use crate::sync::{model, spawn};

/// A WebSocket, and what has its peer.
fn socket(sample: &Sample) -> (Arc<Shared>, http::Response<()>) {
    let request = sample.handle().unwrap().get("http://h/");
    let upgraded = block_on(request.header("upgrade", "any").upgrade()).unwrap();
    let (head, handle) = upgraded.into_parts();
    let control = handle.control();
    let stream = block_on(WebSocketStream::from_raw_socket(handle, Role::Client, None));
    (Shared::new(stream, control, false), head)
}

fn cut_off(sample: &Sample) {
    sample.context.begin_exit(sample.now());
    for exchange in sample.sessions.requests.all() {
        exchange.abort();
    }
}

/// Whoever reads it hears of that, and it ends once.
#[test]
fn a_websocket_that_is_cut_off_while_it_is_read_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let (socket, _peer) = socket(&sample);
        let reading = spawn(move || {
            let read = block_on(poll_fn(|cx| socket.poll_next(cx)));
            socket.dropped();
            matches!(read, Some(Err(WebSocketError::SessionClosed(_))))
        });
        cut_off(&sample);
        assert!(reading.join().unwrap());
        assert!(sample.context.is_idle());
        sample.facts.assert_all_over();
        sample.end();
    });
}

/// It takes leave, and is dropped.
#[test]
fn a_websocket_that_takes_leave_while_it_is_dropped_ends_once() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let (socket, _peer) = socket(&sample);
        let dropping = spawn(move || socket.dropped());
        cut_off(&sample);
        dropping.join().unwrap();
        assert!(sample.context.is_idle());
        sample.facts.assert_all_over();
        sample.end();
    });
}

/// An exit that sees nothing in flight any more names nobody as its holder.
#[test]
fn a_websocket_that_its_holder_drops_is_kept_by_nobody_once_it_has_ended() {
    model(|| {
        let sample = Sample::new(Answer::Upgrade);
        let (socket, _peer) = socket(&sample);
        let exchange = sample.sessions.requests.all().remove(0);
        let dropping = spawn(move || socket.dropped());
        if sample.context.is_idle() {
            assert!(!exchange.is_kept() && exchange.mark_kept().is_none());
        }
        dropping.join().unwrap();
        assert!(!exchange.is_kept());
        drop(exchange);
        sample.facts.assert_all_over();
        sample.end();
    });
}
