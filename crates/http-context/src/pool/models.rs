//! The close of a pool against sessions that are on their way, in every interleaving.

use loom::future::block_on;

use super::*;
use crate::session::models::Answer;
use crate::sync::{model, spawn};

/// Does something to a session of a pool, and to the pool, while the pool closes. What it waits for is over when it
/// has closed: no permit is in use, and its session is closed.
fn a_pool_closes_beside(is_idle: bool, does: fn(&SessionPool, Option<Checkout>)) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    // The close has a deadline, which never comes here.
    let _entered = runtime.enter();
    model(move || {
        let pool = SessionPool::builder().max_size(1);
        let pool = pool.idle_timeout(Duration::ZERO).build();
        let mut checkout = pool.try_checkout().unwrap();
        checkout.put(Answer::Never.transport());
        let mut checkout = Some(checkout);
        if is_idle {
            checkout.take().unwrap().give_back();
        }
        let other = pool.clone();
        let other = spawn(move || does(&other, checkout));
        let report = block_on(pool.close());
        assert_eq!((report.in_use, pool.0.counts.closed()), (0, 1));
        other.join().unwrap();
        let PoolStatus {
            used,
            idle,
            waiting,
            ..
        } = pool.status();
        assert_eq!((used, idle, waiting), (0, 0, 0));
        assert!(pool.try_checkout().is_err());
    });
}

#[test]
fn a_pool_that_closes_waits_for_a_session_that_is_given_back() {
    a_pool_closes_beside(false, |_, checkout| checkout.unwrap().give_back());
}

#[test]
fn a_pool_that_closes_waits_for_a_session_that_is_closed_with_its_permit() {
    a_pool_closes_beside(false, |_, checkout| {
        checkout.unwrap().close(PoolCloseReason::Leaked);
    });
}

#[test]
fn a_pool_that_closes_waits_for_a_session_that_is_closed_before_its_permit() {
    a_pool_closes_beside(false, |pool, checkout| {
        let mut checkout = checkout.unwrap();
        let taken = checkout.take_session().unwrap();
        drop(checkout);
        pool.close_session(taken, PoolCloseReason::ClosedEarly);
    });
}

#[test]
fn a_pool_that_closes_waits_for_a_session_that_has_expired() {
    a_pool_closes_beside(true, |pool, _| pool.close_idle());
}

/// It has expired, which shows when it is handed out.
#[test]
fn a_pool_that_closes_waits_for_a_session_that_is_handed_out() {
    a_pool_closes_beside(true, |pool, _| drop(pool.try_checkout()));
}
