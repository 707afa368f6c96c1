//! The work of an `open` from its first poll to the end of its exit.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use crate::builder::ContextBuilder;
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
pub(super) struct Start<O> {
    /// Taken when the context is opened.
    pub(super) builder: Option<ContextBuilder>,
    pub(super) is_lazy: bool,
    pub(super) place: Place,
    /// Opens a fresh context whatever is bound.
    pub(super) binds_always: bool,
    pub(super) refused: fn(OpenError) -> O,
}

enum Opened {
    PassThrough,
    Fresh(HttpContext),
    Refused(OpenError),
}

impl<F: Future> OpenWithReport<F> {
    pub(super) fn new(start: Start<F::Output>, work: F, is_ok: fn(&F::Output) -> bool) -> Self {
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
