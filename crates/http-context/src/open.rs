//! Opens a context around some work, and closes it on every way out.

use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use crate::builder::{ContextBuilder, builder};
use crate::context::HttpContext;
use crate::current::{self, BOUND, Bound};
use crate::error::{NestedDenied, OpenError};
use crate::exit::ExitGuard;
use crate::leak::LeakPolicy;
use crate::nested::{NestedOpen, NestedPolicy};
use crate::place::Place;
use crate::pool::{CheckingOut, Checkout, PoolError};
use crate::recent;
use crate::report::{ExitReport, Outcome};
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
/// as the [`NestedPolicy`] of the bound context says. A task that outlived its context counts as
/// unbound.
///
/// Work is a future or an async closure. [`Open::with_report`] hands over the exit report as well;
/// [`builder`] sets options.
///
/// # Errors
///
/// What the work returns; or an [`OpenError`], turned into the work's error, when it could not be
/// started: its session could not be built, or the bound context denies nested ones.
///
/// # Panics
///
/// A panic of the work closes the context and goes on unchanged. With [`LeakPolicy::Panic`] it
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
    Open::new(builder(), work.into_future(), Location::caller())
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
        let start = Start {
            is_lazy: builder.config.is_lazy,
            builder: Some(builder),
            place,
            binds_always: false,
            refused: |error| Err(E::from(error)),
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
        self.project().inner.poll(cx).map(|(output, _)| output)
    }
}

type Exit = Pin<Box<dyn Future<Output = Option<ExitReport>> + Send>>;

pin_project! {
    /// The future of [`Open::with_report`].
    #[must_use = "futures do nothing unless polled"]
    pub struct OpenWithReport<F: Future> {
        // Declared, and so dropped, before the guard: the work is gone when the context closes.
        #[pin]
        stage: Stage<F>,
        guard: Option<ExitGuard>,
        is_ok: fn(&F::Output) -> bool,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F: Future> {
        Start { start: Start<F::Output>, work: Option<F>, waiting: Option<CheckingOut> },
        PassedThrough { #[pin] work: F },
        Bound { #[pin] work: TaskLocalFuture<Bound, F>, context: HttpContext },
        Exiting { exit: Exit, output: Option<F::Output>, panics: bool },
        Done,
    }
}

/// What is needed to open, until the first poll.
struct Start<O> {
    /// Taken when the context is opened.
    builder: Option<ContextBuilder>,
    is_lazy: bool,
    place: Place,
    /// Opens a fresh context whatever is bound.
    binds_always: bool,
    refused: fn(OpenError) -> O,
}

enum Opened {
    PassThrough,
    Fresh(HttpContext),
    Refused(OpenError),
}

impl<F: Future> OpenWithReport<F> {
    fn new(start: Start<F::Output>, work: F, is_ok: fn(&F::Output) -> bool) -> Self {
        Self {
            stage: Stage::Start {
                start,
                work: Some(work),
                waiting: None,
            },
            guard: None,
            is_ok,
        }
    }
}

impl<F: Future> Future for OpenWithReport<F> {
    type Output = (F::Output, Option<ExitReport>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.stage.as_mut().project() {
                StageProjection::Start {
                    start,
                    work,
                    waiting,
                } => {
                    let refused = start.refused;
                    if this.guard.is_none() {
                        match start.open() {
                            Opened::PassThrough => {
                                let work = work.take().expect("left by the first poll");
                                this.stage.set(Stage::PassedThrough { work });
                                continue;
                            }
                            Opened::Refused(error) => {
                                this.stage.set(Stage::Done);
                                return Poll::Ready((refused(error), None));
                            }
                            Opened::Fresh(context) => {
                                *waiting = context.begin_checkout();
                                *this.guard = Some(ExitGuard::new(context));
                            }
                        }
                    }
                    let guard = this.guard.as_mut().expect("made above");
                    let context = guard.context();
                    let checked_out = match waiting {
                        Some(waiting) => Some(ready!(waiting.as_mut().poll(cx))),
                        None => None,
                    };
                    if let Err(error) = start.enter(&context, checked_out) {
                        // Opened and closed: the observer's books stay balanced.
                        let _ = guard.exit_at_once(Outcome::Failed);
                        this.stage.set(Stage::Done);
                        return Poll::Ready((refused(error), None));
                    }
                    let bound = Bound {
                        context: context.clone(),
                        spawned_at: None,
                    };
                    let work = BOUND.scope(bound, work.take().expect("left by the first poll"));
                    this.stage.set(Stage::Bound { work, context });
                }
                StageProjection::PassedThrough { work } => {
                    let output = ready!(work.poll(cx));
                    this.stage.set(Stage::Done);
                    return Poll::Ready((output, None));
                }
                StageProjection::Bound { work, context } => {
                    let on_panic = OnPanic(this.guard);
                    let polled = work.poll(cx);
                    std::mem::forget(on_panic);
                    let output = ready!(polled);
                    let outcome = if (this.is_ok)(&output) {
                        Outcome::Completed
                    } else {
                        Outcome::Failed
                    };
                    let panics = context.leak_policy() == LeakPolicy::Panic;
                    let mut guard = this.guard.take().expect("made when the context was opened");
                    // A session that made no connection exits without an allocation or an await.
                    this.stage.set(Stage::Done);
                    if let Some(report) = guard.exit_at_once(outcome) {
                        panic_on_leaks(panics, &report);
                        return Poll::Ready((output, Some(report)));
                    }
                    let (exit, output) = (Box::pin(guard.exit()), Some(output));
                    this.stage.set(Stage::Exiting {
                        exit,
                        output,
                        panics,
                    });
                }
                StageProjection::Exiting {
                    exit,
                    output,
                    panics,
                } => {
                    let report = ready!(exit.as_mut().poll(cx));
                    let (output, panics) = (output.take(), *panics);
                    this.stage.set(Stage::Done);
                    if let Some(report) = &report {
                        panic_on_leaks(panics, report);
                    }
                    return Poll::Ready((output.expect("kept for the end of the exit"), report));
                }
                StageProjection::Done => panic!("`open` polled after it has ended"),
            }
        }
    }
}

impl<O> Start<O> {
    fn open(&mut self) -> Opened {
        let outer = current::open_context();
        if let Some(outer) = outer {
            let policy = if self.binds_always {
                NestedPolicy::Isolate
            } else {
                outer.inner().config.nested
            };
            let nested = NestedOpen {
                outer: outer.id(),
                outer_place: outer.opened_at(),
                inner_place: self.place,
                policy,
            };
            outer.inner().nested_opens.fetch_add(1, Ordering::Relaxed);
            recent::note_nested(&nested);
            outer.tell(|observer| observer.nested_open(&outer, &nested));
            match policy {
                NestedPolicy::PassThrough | NestedPolicy::Warn => return Opened::PassThrough,
                NestedPolicy::Deny => {
                    let denied = NestedDenied {
                        outer: nested.outer_place,
                        inner: self.place,
                    };
                    return Opened::Refused(denied.into());
                }
                NestedPolicy::Isolate => {}
            }
        }
        let ContextBuilder { config, name } = self.builder.take().expect("opened once");
        let context = HttpContext::new(config, name, self.place);
        context.tell(|observer| observer.context_opened(&context));
        Opened::Fresh(context)
    }

    /// Makes a context that was opened ready for its work.
    fn enter(
        &self,
        context: &HttpContext,
        checked_out: Option<Result<Checkout, PoolError>>,
    ) -> Result<(), OpenError> {
        match checked_out {
            Some(Ok(checkout)) => context.put_checkout(checkout),
            // A job that waited in vain is told by `http_session()`, if it asks.
            Some(Err(error)) if !self.binds_always => return Err(error.into()),
            Some(Err(_)) | None => {}
        }
        if !self.is_lazy {
            context.ensure_session()?;
        }
        Ok(())
    }
}

/// Dropped only when the work panics: the context exits on the way of the panic, and not when its
/// future happens to be dropped.
struct OnPanic<'g>(&'g mut Option<ExitGuard>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            guard.panicked();
        }
    }
}

fn panic_on_leaks(panics: bool, report: &ExitReport) {
    // Never a second panic on top of one that is under way.
    assert!(
        !panics || report.is_clean() || std::thread::panicking(),
        "{report}"
    );
}
