//! Carries a context to child tasks.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::{JoinHandle, futures::TaskLocalFuture};

use super::guard::{Binding, ChildGuard};
use crate::caller::Caller;
use crate::context::{BOUND, Bound};
use crate::identity::CallSite;

/// Spawns a task that carries the context of this one, as a child of it, and its [`Caller`].
///
/// The context knows its children: its exit waits for them up to the drain timeout, and reports
/// those that live on as leaks. Where nothing is bound this is `tokio::spawn`.
///
/// # Panics
///
/// When called outside of a Tokio runtime, as `tokio::spawn` does.
///
/// # Examples
///
/// ```
/// # use http_context::{OpenError, http_session};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// http_context::open(async {
///     let child = http_context::spawn(async { http_session().is_ok() });
///     let bare = tokio::spawn(async { http_session().is_ok() });
///     assert!(child.await.expect("does not panic"));
///     assert!(!bare.await.expect("does not panic"));
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_http_context())
}

/// As [`spawn`], of a future that stays on this thread: a task of the current `LocalSet`, or of a
/// `LocalRuntime`.
///
/// Where nothing is bound this is `tokio::task::spawn_local`. A task that is left in its `LocalSet`
/// when that is no longer polled does not end, and is reported as a leak of its context.
///
/// # Panics
///
/// When called outside of a `LocalSet` and of a `LocalRuntime`, as `tokio::task::spawn_local` does.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// # use http_context::{OpenError, http_session};
/// # use tokio::task::LocalSet;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// let work = http_context::open(async {
///     let mine = Rc::new(7);
///     let child = http_context::spawn_local(async move { (mine, http_session().is_ok()) });
///     assert_eq!(child.await.expect("does not panic"), (Rc::new(7), true));
///     Ok(())
/// });
/// LocalSet::new().run_until(work).await
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    tokio::task::spawn_local(future.in_current_http_context())
}

/// Runs a closure on a thread for blocking work, with the context of this task bound there.
///
/// It is a child of the context like a task of [`spawn`]. Aborting its handle does not stop it
/// once it runs.
///
/// # Panics
///
/// When called outside of a Tokio runtime.
///
/// ```
/// # use http_context::{OpenError, http_session, open, spawn_blocking};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// open(async {
///     let found = spawn_blocking(|| http_session().is_ok()).await;
///     assert!(found.is_ok_and(|found| found));
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    tokio::task::spawn_blocking(bind_blocking(f, Location::caller()))
}

pub(super) fn bind_blocking<R>(f: impl FnOnce() -> R, spawned_at: CallSite) -> impl FnOnce() -> R {
    let child = Binding::of_current(spawned_at);
    let caller = Caller::current();
    let f = move || Caller::restore(caller, f);
    #[cfg(feature = "tracing")]
    let f = {
        let span = tracing::Span::current();
        move || span.in_scope(f)
    };
    move || match child {
        Some(Binding { bound, guard }) => {
            let result = BOUND.sync_scope(bound, f);
            drop(guard);
            result
        }
        None => f(),
    }
}

/// Carries a context in a future, wherever that is polled.
///
/// ```
/// # use http_context::{FutureExt, OpenError, http_session, open};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// open(async {
///     let request = async { http_session().is_ok() }.in_current_http_context();
///     // Whoever polls it, it is under this context.
///     let found = tokio::spawn(request).await;
///     assert!(found.is_ok_and(|found| found));
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub trait FutureExt: Future + Sized {
    /// Binds this future to the context that is bound to the current task, as a child of it. The
    /// future stays as it is where nothing is bound.
    ///
    /// For everything that spawns in its own way: other task sets, actors, thread pools.
    #[track_caller]
    fn in_current_http_context(self) -> InContext<Self> {
        InContext::new(self, Location::caller())
    }
}

impl<F: Future> FutureExt for F {}

pin_project! {
    /// The future of [`FutureExt::in_current_http_context`].
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        #[pin]
        future: MaybeBound<F>,
        // Declared after the future, and so dropped after it: the child is one until it is gone.
        guard: Option<ChildGuard>,
        span: ChildSpan,
        caller: Option<Caller>,
    }
}

pin_project! {
    #[project = MaybeBoundProjection]
    enum MaybeBound<F> {
        Bound { #[pin] future: TaskLocalFuture<Bound, F> },
        Unbound { #[pin] future: F },
    }
}

impl<F: Future> InContext<F> {
    fn new(future: F, spawned_at: CallSite) -> Self {
        let (future, guard) = match Binding::of_current(spawned_at) {
            Some(Binding { bound, guard }) => (
                MaybeBound::Bound {
                    future: BOUND.scope(bound, future),
                },
                Some(guard),
            ),
            None => (MaybeBound::Unbound { future }, None),
        };
        Self {
            future,
            guard,
            span: ChildSpan::current(),
            caller: Caller::current(),
        }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let poll = || match this.future.project() {
            MaybeBoundProjection::Bound { future } => future.poll(cx),
            MaybeBoundProjection::Unbound { future } => future.poll(cx),
        };
        let polled = this.span.in_scope(|| Caller::restore(*this.caller, poll));
        if polled.is_ready() {
            // Before the task that waits for this one is woken: once it is joined, it is gone.
            this.guard.take();
        }
        polled
    }
}

impl<F> std::fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InContext")
            .field("is_bound", &self.guard.is_some())
            .finish_non_exhaustive()
    }
}

/// The `tracing` span of the spawner, which is the parent of what the child does.
#[cfg(feature = "tracing")]
struct ChildSpan(tracing::Span);

#[cfg(feature = "tracing")]
impl ChildSpan {
    fn current() -> Self {
        Self(tracing::Span::current())
    }

    fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.in_scope(f)
    }
}

#[cfg(not(feature = "tracing"))]
struct ChildSpan;

#[cfg(not(feature = "tracing"))]
impl ChildSpan {
    fn current() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "the same call with and without spans")]
    fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}
