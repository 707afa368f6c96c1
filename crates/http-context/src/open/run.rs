//! The work of an `open` from its first poll to the end of its exit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::start::{Opened, Start};
use crate::context::{BOUND, Bound};
use crate::exit::Exit;
use crate::facts::{ExitReport, LeakPolicy, Outcome};

type Exiting = Pin<Box<dyn Future<Output = Option<ExitReport>> + Send>>;

pin_project! {
    /// The future of [`Open::with_report`](crate::Open::with_report).
    #[must_use = "futures do nothing unless polled"]
    pub struct OpenWithReport<F: Future> {
        // Polled where it stands. `None` once it is over.
        #[pin]
        work: Option<F>,
        // Dropped after the work, which is gone when the context closes.
        stage: Stage<F::Output>,
        is_ok: fn(&F::Output) -> bool,
        hand_over: Option<HandOver<F::Output>>,
    }

    impl<F: Future> PinnedDrop for OpenWithReport<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let (Stage::Bound { bound, .. }, true) = (&*this.stage, this.work.is_some()) {
                // What the work drops may ask for its session.
                drop_bound(bound, this.work);
            }
        }
    }
}

/// Lets what the work has returned go on with its context, if it takes the exit.
pub(super) type HandOver<O> = fn(&mut O, Running<'_>);

/// A context whose work has ended.
pub(super) struct Running<'e> {
    pub(super) bound: &'e Bound,
    pub(super) exit: &'e mut Option<Exit>,
}

enum Stage<O> {
    Start(Start<O>),
    PassedThrough,
    Bound {
        bound: Bound,
        /// Taken when the work ends or panics.
        exit: Option<Exit>,
    },
    Exiting {
        exit: Exiting,
        output: Option<O>,
        panics: bool,
    },
    Done,
}

impl<F: Future> OpenWithReport<F> {
    pub(super) fn new(start: Start<F::Output>, work: F, is_ok: fn(&F::Output) -> bool) -> Self {
        Self {
            work: Some(work),
            stage: Stage::Start(start),
            is_ok,
            hand_over: None,
        }
    }

    pub(super) fn handing_over(
        start: Start<F::Output>,
        work: F,
        is_ok: fn(&F::Output) -> bool,
        hand_over: HandOver<F::Output>,
    ) -> Self {
        let mut open = Self::new(start, work, is_ok);
        open.hand_over = Some(hand_over);
        open
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
                    if start.exit.is_none() {
                        match start.begin() {
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
                                start.exit = Some(Exit::new(context));
                                start.begin_checkout();
                            }
                        }
                    }
                    let checked_out = match &mut start.waiting {
                        Some(waiting) => Some(ready!(waiting.as_mut().poll(cx))),
                        None => None,
                    };
                    let mut exit = start.exit.take().expect("made above");
                    let context = exit.context().clone();
                    if let Err(error) = start.enter(&context, checked_out) {
                        // Opened and closed: what observers count stays balanced.
                        let _ = exit.at_once(Outcome::Failed);
                        *this.stage = Stage::Done;
                        return Poll::Ready(refused(error));
                    }
                    *this.stage = Stage::Bound {
                        bound: Bound {
                            context,
                            spawned_at: None,
                        },
                        exit: Some(exit),
                    };
                }
                Stage::PassedThrough => {
                    // Once the work has ended it is there no more, which says enough.
                    return poll_to_its_end(this.work, cx);
                }
                Stage::Bound { bound, exit } => {
                    let on_panic = OnPanic(exit);
                    let polled =
                        BOUND.sync_scope(bound.clone(), || poll_to_its_end(this.work.as_mut(), cx));
                    std::mem::forget(on_panic);
                    let mut output = ready!(polled);
                    if let Some(hand_over) = this.hand_over {
                        hand_over(&mut output, Running { bound, exit });
                        if exit.is_none() {
                            *this.stage = Stage::Done;
                            return Poll::Ready(output);
                        }
                    }
                    let outcome = if (this.is_ok)(&output) {
                        Outcome::Completed
                    } else {
                        Outcome::Failed
                    };
                    let panics = bound.context.info().leak_policy == LeakPolicy::Panic;
                    let mut exit = exit.take().expect("made when the context was opened");
                    *this.stage = Stage::Done;
                    // A session that made no connection exits without an allocation or an await.
                    if let Some(done) = exit.at_once(outcome) {
                        panic_on_leaks(panics, &done);
                        *report = Some(done);
                        return Poll::Ready(output);
                    }
                    *this.stage = Stage::Exiting {
                        exit: Box::pin(exit.awaited()),
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

/// Drops this while the context is bound. Unlike a scope alone, the future of one can also be dropped
/// when the thread's locals are gone.
pub(super) fn drop_bound<T>(bound: &Bound, value: Pin<&mut Option<T>>) {
    drop(BOUND.scope(bound.clone(), DropInScope(value)));
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

/// Dropped only when the work panics: the context exits on the way of the panic, and not when its
/// future happens to be dropped.
pub(super) struct OnPanic<'e>(pub(super) &'e mut Option<Exit>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if let Some(exit) = self.0.take() {
            exit.panicked();
        }
    }
}

pub(super) fn panic_on_leaks(panics: bool, report: &ExitReport) {
    // Never a second panic on top of one that is under way.
    assert!(
        !panics || report.is_clean() || std::thread::panicking(),
        "{report}"
    );
}
