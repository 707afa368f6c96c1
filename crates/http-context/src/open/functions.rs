//! Contexts with the default options.

use std::panic::Location;

use super::future::Open;
use super::output::OpenOutput;
use super::start::Start;
use super::work::Work;

/// Runs work in a context of its own, and returns what it returns.
///
/// One session is built and bound to the task; [`http_session`](crate::http_session) gives it to
/// all code under it. When the work ends, the context exits: it refuses new requests, waits up to
/// [`drain_timeout`](crate::ContextBuilder::drain_timeout) for what is in flight, cuts off the rest,
/// closes the session, and verifies that nothing was left behind. What was bound before is bound
/// again.
///
/// Where a context is bound already, the work runs in that one and nothing exits when it ends, or
/// as the [`NestedPolicy`](crate::NestedPolicy) of the bound context says. A task that outlived its context counts as
/// unbound.
///
/// Work is a future or an async closure. [`Open::with_report`] hands over the exit report as well;
/// [`builder`](crate::builder) sets options.
///
/// # Errors
///
/// What the work returns; or an [`OpenError`](crate::OpenError), turned into the work's error, when it could not be
/// started: its session could not be built, or the bound context denies nested ones.
///
/// # Panics
///
/// A panic of the work closes the context and goes on unchanged. With [`LeakPolicy::Panic`](crate::LeakPolicy::Panic) it
/// panics after the exit when something was left behind.
///
/// # Cancel safety
///
/// Dropping the future drops the work and closes the context at once, without draining and
/// verifying; the exit report says `cancelled`.
///
/// # Examples
///
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let status = http_context::open(async || {
///     let session = http_context::http_session()?;
///     let response = session.get("https://example.com").send().await?;
///     Ok::<_, Box<dyn std::error::Error>>(response.status())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// The example [`hello`](https://docs.rs/crate/http-context/latest/source/examples/hello/main.rs) is this as a program.
#[track_caller]
pub fn open<W, M>(work: W) -> Open<W::Future>
where
    W: Work<M>,
    <W::Future as Future>::Output: OpenOutput,
{
    let start = Start::open(None, Location::caller());
    Open::new(start, work.into_future(), OpenOutput::is_completed)
}

/// Runs work of any output in a fresh context, whatever is bound, and returns what it returns.
///
/// This is the binding of a job: the session is built at the first
/// [`http_session`](crate::http_session), so there is nothing to refuse, and no `Result` is asked
/// for. The exit is that of [`open`]; its outcome is `completed` whatever the work returns. A
/// [`ContextLayer`](crate::ContextLayer) does the same for each call of a service.
///
/// # Panics
///
/// As [`open`].
///
/// # Cancel safety
///
/// As [`open`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(http_context::job(async { 5 }).await, 5);
/// # }
/// ```
#[track_caller]
pub fn job<W: Work<M>, M>(work: W) -> Open<W::Future> {
    let start = Start::job(None, Location::caller());
    Open::new(start, work.into_future(), |_| true)
}
