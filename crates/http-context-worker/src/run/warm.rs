//! Warm sessions: jobs hand them on to one another, connections and all.
//!
//! A job takes a session out at its start and gives it back at its exit; its handles end with it all
//! the same. A session that leaked, was cut off or saw a panic is closed and not handed on. A job
//! with a proxy of its own has a session of its own, because connections through one job's proxy are
//! not another's. All of it lives on the program's one runtime.

use std::time::Duration;

use http_context::{ContextBuilder, PoolReport, SessionPool};
use tokio::time::timeout;

/// A job waits for a session as long as it must: with fewer sessions than jobs at once, the sessions
/// are what bounds the load, and that is no failure of the job. It does not wait past the drain
/// deadline, where it is cut off like any other.
const WAIT_FOR_A_SESSION: Duration = Duration::from_hours(24 * 365);

/// The pool of a run, when it has one.
#[derive(Debug)]
pub(crate) struct Warm(Option<SessionPool>);

impl Warm {
    /// A pool for `size` contexts at once, none for 0; and the options of contexts that use it.
    pub(crate) fn new(size: usize, context: ContextBuilder) -> (Self, ContextBuilder) {
        if size == 0 {
            return (Self(None), context);
        }
        let pool = context
            .session_pool()
            .max_size(size)
            .wait_timeout(WAIT_FOR_A_SESSION)
            .build();
        let context = context.pool(pool.clone());
        (Self(Some(pool)), context)
    }

    /// Closes what is warm and asks the operating system whether it is gone. `None` without a pool,
    /// and when that takes longer than `within`.
    pub(crate) async fn close(self, within: Duration) -> Option<PoolReport> {
        let pool = self.0?;
        timeout(within, pool.close()).await.ok()
    }
}
