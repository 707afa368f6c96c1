//! A future that is dropped after a given number of polls.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Where a future is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// How often it is polled before.
    pub(crate) polls: usize,
    pub(crate) moment: Moment,
}

/// When, after the last poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// In the same turn: nothing has happened since.
    AtOnce,
    /// When it would be polled again: what it waits for is there, and it never learns of it.
    Woken,
}

impl Cut {
    /// Runs a future to its end, or up to this cut. The runtime goes on in between: the future is
    /// polled when it has woken its task, and only then. It is gone when this returns.
    pub(crate) async fn run<F: Future>(self, future: F) -> Option<F::Output> {
        Polls {
            future: Box::pin(future),
            left: self.polls,
            moment: self.moment,
        }
        .await
    }
}

struct Polls<F> {
    future: Pin<Box<F>>,
    left: usize,
    moment: Moment,
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.left == 0 && self.moment == Moment::AtOnce => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_cut_future_is_polled_so_often_and_then_gone() {
    use std::sync::Arc;
    for moment in [Moment::AtOnce, Moment::Woken] {
        for polls in 0..5 {
            let alive = Arc::new(());
            let held = Arc::clone(&alive);
            let mut polled = 0;
            let counted = &mut polled;
            let ended = Cut { polls, moment }
                .run(async move {
                    let held = held;
                    for _ in 0..3 {
                        *counted += 1;
                        tokio::task::yield_now().await;
                    }
                    drop(held);
                })
                .await;
            assert_eq!(Arc::strong_count(&alive), 1);
            assert_eq!((ended.is_some(), polled), (polls > 3, polls.min(3)));
        }
    }
}
