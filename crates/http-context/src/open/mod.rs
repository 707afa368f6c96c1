//! Opens a context around some work, and closes it on every way out.

mod run;

pub use run::OpenWithReport;

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use run::Start;

use crate::builder::ContextBuilder;
use crate::error::OpenError;
use crate::place::Place;
use crate::work::Work;

/// Runs work in a context of its own, and returns what it returns.
///
/// One session is built and bound to the task; [`http_session`](crate::http_session) gives it to
/// all code under it. When the work ends, the context exits: it refuses new requests, waits up to
/// [`drain_timeout`](ContextBuilder::drain_timeout) for what is in flight, cuts off the rest,
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
/// What the work returns; or an [`OpenError`], turned into the work's error, when it could not be
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
#[track_caller]
pub fn open<W, M, T, E>(work: W) -> Open<W::Future>
where
    W: Work<M>,
    W::Future: Future<Output = Result<T, E>>,
    E: From<OpenError>,
{
    Open::build(None, false, work.into_future(), Location::caller())
}

pin_project! {
    /// The future of [`open`]; nothing is opened before it is polled.
    #[must_use = "futures do nothing unless polled"]
    pub struct Open<F: Future> {
        #[pin]
        inner: OpenWithReport<F>,
    }
}

impl<F: Future> Open<F> {
    pub(crate) fn new<T, E>(builder: ContextBuilder, work: F, place: Place) -> Self
    where
        F: Future<Output = Result<T, E>>,
        E: From<OpenError>,
    {
        let is_lazy = builder.config.is_lazy;
        Self::build(Some(builder), is_lazy, work, place)
    }

    /// With the defaults where there is no builder.
    fn build<T, E>(builder: Option<ContextBuilder>, is_lazy: bool, work: F, place: Place) -> Self
    where
        F: Future<Output = Result<T, E>>,
        E: From<OpenError>,
    {
        let start = Start {
            is_lazy,
            builder,
            place,
            binds_always: false,
            refused: |error| Err(E::from(error)),
            waiting: None,
            guard: None,
        };
        Self {
            inner: OpenWithReport::new(start, work, Result::is_ok),
        }
    }

    /// As `open` for a job: a context of its own, whatever is bound. It is built lazily, and so
    /// nothing can refuse it.
    pub(crate) fn job(
        builder: ContextBuilder,
        work: F,
        place: Place,
        is_ok: fn(&F::Output) -> bool,
    ) -> Self {
        let refused = |_| unreachable!("a lazy context that binds always has nothing to refuse");
        let start = Start {
            is_lazy: true,
            builder: Some(builder),
            place,
            binds_always: true,
            refused,
            waiting: None,
            guard: None,
        };
        Self {
            inner: OpenWithReport::new(start, work, is_ok),
        }
    }

    /// Also hands over the exit report; `None` when no context was opened, because a bound one
    /// was used or the open was refused.
    pub fn with_report(self) -> OpenWithReport<F> {
        self.inner
    }
}

impl<F: Future> Future for Open<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // A report that nobody asked for is dropped.
        self.project().inner.poll_work(cx, &mut None)
    }
}
