//! What a long run is cut into, and what is held past the contexts of one piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_context_tests::LongRun;
use tokio::task::yield_now;

use crate::rig::Wire;

/// How much is asked for of one sort, and at the most at once.
pub(crate) struct Pieces {
    pub(crate) run: LongRun,
    /// Unless so many are asked for.
    pub(crate) usual: u64,
    pub(crate) at_most: u64,
}

impl Pieces {
    /// Runs `piece_of` with a wire, how many, and a seed, on four threads each time. Returns what all of them did.
    pub(crate) fn run<F>(self, wires: &[Wire], piece_of: impl Fn(Wire, u64, u64) -> F) -> u64
    where
        F: Future<Output = u64>,
    {
        let Self {
            run,
            usual,
            at_most,
        } = self;
        let each = run.wanted.unwrap_or(usual).div_ceil(wires.len() as u64);
        let mut all = 0;
        for wire in wires {
            let mut left = each;
            while left > 0 {
                let piece = left.min(at_most);
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(4)
                    .enable_all()
                    .build()
                    .unwrap();
                all += runtime.block_on(piece_of(*wire, piece, run.seed + left));
                left -= piece;
            }
        }
        all
    }
}

/// What is held past its context, by tasks that are bound to nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<AtomicU64>);

impl Kept {
    /// Lets go of it after so many turns.
    pub(crate) fn keep<T: Send + 'static>(&self, kept: T, turns: u64) {
        let count = Arc::clone(&self.0);
        count.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            for _ in 0..turns {
                yield_now().await;
            }
            drop(kept);
            count.fetch_sub(1, Ordering::Relaxed);
        });
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
