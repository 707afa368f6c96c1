//! The work of an `open` from its first poll to the end of its exit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::builder::ContextBuilder;
use crate::context::HttpContext;
use crate::current::{self, BOUND, Bound};
use crate::error::{NestedDenied, OpenError};
use crate::exit::ExitGuard;
use crate::leak::LeakPolicy;
use crate::nested::{NestedOpen, NestedPolicy};
use crate::place::Place;
use crate::pool::{CheckingOut, Checkout, PoolError};
use crate::report::{ExitReport, Outcome};

type Exit = Pin<Box<dyn Future<Output = Option<ExitReport>> + Send>>;

pin_project! {
    /// The future of [`Open::with_report`].
    #[must_use = "futures do nothing unless polled"]
    pub struct OpenWithReport<F: Future> {
        // Polled where it stands. `None` once it is over.
        #[pin]
        work: Option<F>,
        // Dropped after the work, which is gone when the context closes.
        stage: Stage<F::Output>,
        is_ok: fn(&F::Output) -> bool,
    }

    impl<F: Future> PinnedDrop for OpenWithReport<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let (Stage::Bound { bound, .. }, true) = (&*this.stage, this.work.is_some()) {
                // What the work drops may ask for its session. Unlike a scope alone, the future of
                // one can also be dropped when the thread's locals are gone.
                drop(BOUND.scope(bound.clone(), DropInScope(this.work)));
            }
        }
    }
}

enum Stage<O> {
    Start(Start<O>),
    PassedThrough,
    Bound {
        bound: Bound,
        /// Taken when the work ends or panics.
        guard: Option<ExitGuard>,
    },
    Exiting {
        exit: Exit,
        output: Option<O>,
        panics: bool,
    },
    Done,
}

/// What is needed to open, until the first poll.
pub(super) struct Start<O> {
    /// Taken when the context is opened. The defaults where there is none.
    pub(super) builder: Option<ContextBuilder>,
    pub(super) is_lazy: bool,
    pub(super) place: Place,
    /// Opens a fresh context whatever is bound.
    pub(super) binds_always: bool,
    pub(super) refused: fn(OpenError) -> O,
    /// Until there is a place in the pool.
    pub(super) waiting: Option<CheckingOut>,
    /// Of the context, once it is opened.
    pub(super) guard: Option<ExitGuard>,
}

enum Opened {
    PassThrough,
    Fresh(HttpContext),
    Refused(OpenError),
}

impl<F: Future> OpenWithReport<F> {
    pub(super) fn new(start: Start<F::Output>, work: F, is_ok: fn(&F::Output) -> bool) -> Self {
        Self {
            work: Some(work),
            stage: Stage::Start(start),
            is_ok,
        }
    }
}

impl<F: Future> Future for OpenWithReport<F> {
    type Output = (F::Output, Option<ExitReport>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut exit = None;
        let output = ready!(self.poll_work(cx, &mut exit));
        Poll::Ready((output, exit))
    }
}

impl<F: Future> OpenWithReport<F> {
    /// As `poll`; the report of the exit goes where it is wanted, and is not carried about where
    /// there is none.
    pub(super) fn poll_work(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        report: &mut Option<ExitReport>,
    ) -> Poll<F::Output> {
        let mut this = self.project();
        loop {
            match this.stage {
                Stage::Start(start) => {
                    let refused = start.refused;
                    if start.guard.is_none() {
                        match start.open() {
                            Opened::PassThrough => {
                                *this.stage = Stage::PassedThrough;
                                continue;
                            }
                            Opened::Refused(error) => {
                                *this.stage = Stage::Done;
                                return Poll::Ready(refused(error));
                            }
                            Opened::Fresh(context) => {
                                // First: it exits also when its future is dropped while it waits.
                                let guard = start.guard.insert(ExitGuard::new(context));
                                start.waiting = guard.context().begin_checkout();
                            }
                        }
                    }
                    let checked_out = match &mut start.waiting {
                        Some(waiting) => Some(ready!(waiting.as_mut().poll(cx))),
                        None => None,
                    };
                    let mut guard = start.guard.take().expect("made above");
                    let context = guard.context().clone();
                    if let Err(error) = start.enter(&context, checked_out) {
                        // Opened and closed: the observer's books stay balanced.
                        let _ = guard.exit_at_once(Outcome::Failed);
                        *this.stage = Stage::Done;
                        return Poll::Ready(refused(error));
                    }
                    *this.stage = Stage::Bound {
                        bound: Bound {
                            context,
                            spawned_at: None,
                        },
                        guard: Some(guard),
                    };
                }
                Stage::PassedThrough => {
                    // Once the work has ended it is there no more, which says enough.
                    return poll_to_its_end(this.work, cx);
                }
                Stage::Bound { bound, guard } => {
                    let on_panic = OnPanic(guard);
                    let polled =
                        BOUND.sync_scope(bound.clone(), || poll_to_its_end(this.work.as_mut(), cx));
                    std::mem::forget(on_panic);
                    let output = ready!(polled);
                    let outcome = if (this.is_ok)(&output) {
                        Outcome::Completed
                    } else {
                        Outcome::Failed
                    };
                    let panics = bound.context.leak_policy() == LeakPolicy::Panic;
                    let mut guard = guard.take().expect("made when the context was opened");
                    *this.stage = Stage::Done;
                    // A session that made no connection exits without an allocation or an await.
                    if let Some(done) = guard.exit_at_once(outcome) {
                        panic_on_leaks(panics, &done);
                        *report = Some(done);
                        return Poll::Ready(output);
                    }
                    *this.stage = Stage::Exiting {
                        exit: Box::pin(guard.exit()),
                        output: Some(output),
                        panics,
                    };
                }
                Stage::Exiting {
                    exit,
                    output,
                    panics,
                } => {
                    *report = ready!(exit.as_mut().poll(cx));
                    let (output, panics) = (output.take(), *panics);
                    *this.stage = Stage::Done;
                    if let Some(report) = report {
                        panic_on_leaks(panics, report);
                    }
                    return Poll::Ready(output.expect("kept for the end of the exit"));
                }
                Stage::Done => panic!("{ENDED}"),
            }
        }
    }
}

const ENDED: &str = "`open` polled after it has ended";

/// Polls the work, and drops it where it ends.
fn poll_to_its_end<F: Future>(
    mut work: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let running = work.as_mut().as_pin_mut();
    let output = ready!(running.expect(ENDED).poll(cx));
    work.set(None);
    Poll::Ready(output)
}

/// Drops the work when it is dropped itself, as the future of a scope.
struct DropInScope<'w, F>(Pin<&'w mut Option<F>>);

impl<F> Future for DropInScope<'_, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl<F> Drop for DropInScope<'_, F> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl<O> Start<O> {
    #[inline]
    fn open(&mut self) -> Opened {
        if !self.binds_always && current::passes_through_unobserved(self.place) {
            return Opened::PassThrough;
        }
        self.open_slowly()
    }

    fn open_slowly(&mut self) -> Opened {
        if let Some(outer) = current::open_context()
            && let Some(nested) = self.nested_in(&outer)
        {
            outer.tell(|observer| observer.nested_open(&outer, &nested));
            match nested.policy {
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
        let ContextBuilder { config, name } = self.builder.take().unwrap_or_default();
        let context = HttpContext::new(config, name, self.place);
        context.tell(|observer| observer.context_opened(&context));
        Opened::Fresh(context)
    }

    /// Notes that this opens inside a context, unless the exit of that has begun just now.
    fn nested_in(&self, outer: &HttpContext) -> Option<NestedOpen> {
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
        outer.note_nested(&nested).then_some(nested)
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
