//! The counts of a pool and what observers hear of them, in every interleaving.

use super::*;
use crate::sync::{model, spawn};

/// What observers heard.
#[derive(Default)]
struct Heard(parking_lot::Mutex<Vec<PoolStatus>>);

impl Observer for Heard {
    fn pool_wait_started(&self, pool: &PoolStatus) {
        self.0.lock().push(*pool);
    }
}

fn notify(counts: &PoolCounts) {
    counts.notify(Observer::pool_wait_started);
}

/// Whoever hears last by the number of what it hears has the counts as they are.
#[test]
fn the_greatest_sequence_has_the_last_counts() {
    model(|| {
        let heard = Arc::<Heard>::default();
        let observers = Observers::with_default(Some(Arc::new([Arc::clone(&heard) as _])));
        let counts = Arc::new(PoolCounts::new(2, observers));
        let taking = Arc::clone(&counts);
        let taking = spawn(move || {
            taking.became_used();
            notify(&taking);
            taking.left_used();
            taking.became_idle();
            notify(&taking);
        });
        let waiting = Arc::clone(&counts);
        let waiting = spawn(move || {
            let begun = Waiting::begin(&waiting);
            waiting.became_used();
            begun.end();
            notify(&waiting);
        });
        taking.join().unwrap();
        waiting.join().unwrap();
        let last = heard
            .0
            .lock()
            .iter()
            .max_by_key(|one| one.sequence)
            .copied();
        let last = last.unwrap();
        assert_eq!((last.used, last.idle, last.waiting), (1, 1, 0));
    });
}

/// Of two that close a pool one closes it.
#[test]
fn a_pool_is_closed_once() {
    model(|| {
        let counts = Arc::new(PoolCounts::new(2, Observers::default()));
        let closing = Arc::clone(&counts);
        let closing = spawn(move || closing.close());
        let closed = [counts.close(), closing.join().unwrap()];
        assert_eq!(closed.into_iter().filter(|was_open| *was_open).count(), 1);
    });
}
