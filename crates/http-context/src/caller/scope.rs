//! What runs under the name of a caller.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::names::Caller;

tokio::task_local! {
    static CALLER: Caller;
}

impl Caller {
    /// The caller in whose innermost scope this task is, if it is in one.
    pub fn current() -> Option<Self> {
        Self::is_any()
            .then(|| CALLER.try_with(|caller| *caller).ok())
            .flatten()
    }

    /// Runs a future under this name, wherever it is polled. It needs no context; what the future
    /// opens or is called under is its own affair.
    ///
    /// # Cancel safety
    ///
    /// As that of the future.
    pub fn scope<F: Future>(self, future: F) -> CallerScope<F> {
        CallerScope {
            future: CALLER.scope(self, future),
            caller: self,
        }
    }

    /// Runs a closure on this thread under this name.
    pub fn sync_scope<R>(self, f: impl FnOnce() -> R) -> R {
        CALLER.sync_scope(self, f)
    }

    /// Runs a closure under the name that there was, if there was one; under that of whoever calls
    /// where there was none.
    pub(crate) fn restore<R>(caller: Option<Self>, f: impl FnOnce() -> R) -> R {
        match caller {
            Some(caller) => caller.sync_scope(f),
            None => f(),
        }
    }
}

pin_project! {
    /// The future of [`Caller::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CallerScope<F> {
        #[pin]
        future: TaskLocalFuture<Caller, F>,
        caller: Caller,
    }
}

impl<F: Future> Future for CallerScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<F> fmt::Debug for CallerScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerScope")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
