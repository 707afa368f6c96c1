//! How sessions are had, and on how many threads: each cell and each load is run in all ways.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Builder, Runtime};

use crate::cell::Sessions;

/// One of the four ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) sessions: Sessions,
    pub(crate) threads: Threads,
}

/// What the client's runtime has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The thread of the test.
    One,
    /// Two more, on which connections are.
    Several,
}

impl Variant {
    pub(crate) fn runtime(self) -> Runtime {
        let mut builder = match self.threads {
            Threads::One => Builder::new_current_thread(),
            Threads::Several => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build().unwrap()
    }
}

/// Keeps the other tests waiting: a client that gets no time to see what its peers do cannot
/// know when they did it.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a test of each way.
macro_rules! in_every_way {
    ($run:path: $own_one:ident, $own_several:ident, $pooled_one:ident, $pooled_several:ident) => {
        $crate::variant::in_every_way!(@ $run, $own_one, Own, One);
        $crate::variant::in_every_way!(@ $run, $own_several, Own, Several);
        $crate::variant::in_every_way!(@ $run, $pooled_one, Pooled, One);
        $crate::variant::in_every_way!(@ $run, $pooled_several, Pooled, Several);
    };
    (@ $run:path, $test:ident, $sessions:ident, $threads:ident) => {
        #[test]
        fn $test() {
            $run($crate::variant::Variant {
                sessions: $crate::cell::Sessions::$sessions,
                threads: $crate::variant::Threads::$threads,
            });
        }
    };
}
pub(crate) use in_every_way;
