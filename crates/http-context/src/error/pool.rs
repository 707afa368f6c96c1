//! No permit of a pool.

use std::time::Duration;

use thiserror::Error;

/// Every permit of a pool is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "no session of the pool came free within {waited:?}: {used} of {max_size} are in use, {idle} \
     idle, and {waiting} others wait; raise `max_size` or `wait_timeout`, open fewer contexts at \
     once, or end their work sooner"
)]
#[non_exhaustive]
pub struct PoolExhausted {
    /// How many contexts may have a permit at once.
    pub max_size: usize,
    /// Permits that contexts had.
    pub used: usize,
    /// Sessions that waited for a context.
    pub idle: usize,
    /// How many others waited for a permit.
    pub waiting: usize,
    /// How long this one waited.
    pub waited: Duration,
}

/// A context got no permit of its pool.
///
/// ```
/// use http_context::{OpenError, PoolError, SessionPool};
///
/// # async fn example(pool: SessionPool) -> Result<(), Box<dyn std::error::Error>> {
/// let job = http_context::builder().pool(pool).eager();
/// match job.open(async || Ok::<_, OpenError>(())).await {
///     Err(OpenError::Pool(PoolError::Exhausted(full))) => println!("later: {full}"),
///     done => done?,
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Every permit is taken, for longer than a context may wait.
    #[error(transparent)]
    Exhausted(#[from] PoolExhausted),
    /// The pool was closed.
    #[error(
        "the session pool is closed: open contexts before `SessionPool::close`, or without the pool"
    )]
    Closed,
}
