//! Gives tasks that hold a session their turn to let it go, before it is told as leaked.
//!
//! What a buffer or an SDK has in a task of its own is let go of when that task is next run, which is
//! after the work has ended: no leak.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::farewell::Farewells;
use crate::context::HttpContext;
use crate::scope::Scope;
use crate::session::Sessions;
use crate::wait_until::wait_until;
use crate::watch::{Watched, watch_after};

/// How often the runtime runs what is ready, before any time is given.
const TURNS: u32 = 4;

/// How long a turn may take. A task that is ready to run needs microseconds; on a machine whose every
/// core is busy it needs that many time slices. A context that leaks a handle pays it at its exit.
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// Waits until nobody holds the session any more: for some turns of the runtime, and then for
/// [`LONGEST_TURN`] or the drain timeout, whichever is less. Costs nothing where nobody holds it.
pub(super) async fn let_go(context: &HttpContext, sessions: &Sessions, farewells: &Farewells) {
    let is_held = || sessions.has_holders() || farewells.any_kept();
    for _ in 0..TURNS {
        if !is_held() {
            return;
        }
        yield_now().await;
    }
    let limit = context.options().drain_timeout.min(LONGEST_TURN);
    if limit.is_zero() || !is_held() {
        return;
    }
    let turn = Turn::begin(context.scope(), limit);
    let is_over = || turn.is_over() || !(sessions.await_holders() | farewells.any_kept());
    wait_until(&context.scope().changed, is_over).await;
}

/// Ends after its time, by a thread of its own: an exit may run on a runtime without timers.
struct Turn(Arc<AtomicBool>);

impl Turn {
    fn begin(scope: &Arc<Scope>, limit: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = TurnEnds {
            is_over: Arc::clone(&is_over),
            scope: Arc::downgrade(scope),
        };
        watch_after(limit, Box::new(ends));
        Self(is_over)
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct TurnEnds {
    is_over: Arc<AtomicBool>,
    scope: Weak<Scope>,
}

impl Watched for TurnEnds {
    fn look(&mut self) -> Option<Instant> {
        self.is_over.store(true, Ordering::Release);
        if let Some(scope) = self.scope.upgrade() {
            scope.note_idle();
        }
        None
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_is_over_is_forgotten() {
        let is_over = Arc::<AtomicBool>::default();
        let mut ends = TurnEnds {
            is_over: Arc::clone(&is_over),
            scope: Weak::new(),
        };
        assert!(!ends.is_over());
        let turn = Turn(is_over);
        assert!(!turn.is_over());
        drop(turn);
        assert!(ends.is_over());
        ends.is_over.store(false, Ordering::Release);
        assert!(ends.look().is_none() && ends.is_over());
    }
}
