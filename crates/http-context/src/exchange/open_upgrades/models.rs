//! Who enters an upgraded connection, and who finds none and goes, in every interleaving.

use std::sync::Arc;

use super::Lookout;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, model, spawn};

/// What they share.
#[derive(Default)]
struct Shared {
    open: Mutex<usize>,
    lookout: Lookout,
    /// How many look.
    looking: AtomicUsize,
}

impl Shared {
    fn enter(&self) {
        *self.open.lock() += 1;
        if self.lookout.is_wanted() {
            self.looking.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn leave(&self) {
        *self.open.lock() -= 1;
    }

    /// As who looks does that found none. Whether it is gone.
    fn go(&self) -> bool {
        self.looking.fetch_sub(1, Ordering::SeqCst);
        let is_wanted = self.lookout.is_wanted_again(|| *self.open.lock() > 0);
        if is_wanted {
            self.looking.fetch_add(1, Ordering::SeqCst);
        }
        !is_wanted
    }
}

#[test]
fn while_any_is_open_one_looks_and_no_more() {
    model(|| {
        let shared: Arc<Shared> = Arc::default();
        shared.enter();
        shared.leave();
        let entering = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            spawn(move || shared.enter())
        });
        shared.go();
        for thread in entering {
            thread.join().unwrap();
        }
        assert_eq!(shared.looking.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn who_comes_and_goes_meanwhile_leaves_nobody_who_looks_at_nothing_for_ever() {
    model(|| {
        let shared: Arc<Shared> = Arc::default();
        shared.enter();
        shared.leave();
        let passing = Arc::clone(&shared);
        let passing = spawn(move || {
            passing.enter();
            passing.leave();
        });
        let is_gone = shared.go();
        passing.join().unwrap();
        // One that is left looks once more, and goes then.
        let left = shared.looking.load(Ordering::SeqCst);
        assert!(left <= 1 && (is_gone || left == 1), "{left}");
        if left == 1 {
            assert!(shared.go());
        }
    });
}
