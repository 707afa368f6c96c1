//! Those who wait for a socket, in every interleaving.

use std::future::poll_fn;
use std::task::Poll;

use loom::future::block_on;

use super::*;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{model, spawn};

/// Whoever waits is woken by what comes, whoever else waits.
#[test]
fn nobody_who_waits_misses_a_wake() {
    model(|| {
        let (wakers, has_come) = (
            Arc::new(Wakers::default()),
            Arc::new(AtomicBool::new(false)),
        );
        let waits = |polls| {
            let (wakers, has_come) = (Arc::clone(&wakers), Arc::clone(&has_come));
            move || {
                block_on(poll_fn(|cx| {
                    wakers.wait(polls, cx.waker());
                    match has_come.load(Ordering::Acquire) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                }));
            }
        };
        let (reading, leaving) = (spawn(waits(Polls::Reader)), spawn(waits(Polls::Exit)));
        has_come.store(true, Ordering::Release);
        wakers.wake_all();
        reading.join().unwrap();
        leaving.join().unwrap();
    });
}

/// Whoever waits for the connection itself is woken once others poll it, too.
#[test]
fn whoever_is_taken_over_misses_no_wake() {
    model(|| {
        let wakers = Arc::new(Wakers::default());
        let alone = Arc::new(crate::sync::Mutex::new((Waiting::default(), false, false)));
        let (other, comes) = (Arc::clone(&wakers), Arc::clone(&alone));
        let sharing = spawn(move || {
            let mut state = comes.lock();
            other.take_over(&mut state.0);
            state.1 = true;
            drop(state);
            comes.lock().2 = true;
            other.wake_all();
        });
        block_on(poll_fn(|cx| {
            let mut state = alone.lock();
            if state.1 {
                wakers.wait(Polls::Reader, cx.waker());
            } else {
                state.0.wait(Polls::Reader, cx.waker());
            }
            match state.2 {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
        sharing.join().unwrap();
    });
}
