//! The future of an `open`.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::run::{HandOver, OpenWithReport};
use super::start::Start;

pin_project! {
    /// The future of [`open`](crate::open); nothing is opened before it is polled.
    #[must_use = "the work does not run until this is awaited"]
    pub struct Open<F: Future> {
        #[pin]
        inner: OpenWithReport<F>,
    }
}

impl<F: Future> Open<F> {
    pub(crate) fn new(start: Start<F::Output>, work: F, is_ok: fn(&F::Output) -> bool) -> Self {
        Self {
            inner: OpenWithReport::new(start, work, is_ok),
        }
    }

    /// As [`new`](Self::new), where the output may go on with the context.
    pub(super) fn handing_over(
        start: Start<F::Output>,
        work: F,
        is_ok: fn(&F::Output) -> bool,
        hand_over: HandOver<F::Output>,
    ) -> Self {
        Self {
            inner: OpenWithReport::handing_over(start, work, is_ok, hand_over),
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
