//! What can be run in a context.

/// What can be run in a context: a future, or a closure that makes one.
///
/// `M` keeps the two apart and is always inferred. This trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no work that can be run in an HTTP context",
    label = "neither a future nor a closure that makes one",
    note = "work is an `async` block, an `async` closure, or a closure that returns a future; it takes no \
            argument: what runs in it gets the session by `http_context::http_session()`"
)]
pub trait Work<M>: sealed::Sealed<M> {
    /// The future that is run.
    type Future: Future;

    /// Makes the future. A closure is called here, outside of the context; its future runs inside.
    fn into_future(self) -> Self::Future;
}

/// Marks [`Work`] that is a future.
#[derive(Debug)]
pub enum FutureWork {}

/// Marks [`Work`] that is a closure.
#[derive(Debug)]
pub enum ClosureWork {}

impl<F: Future> Work<FutureWork> for F {
    type Future = F;

    fn into_future(self) -> F {
        self
    }
}

impl<C: FnOnce() -> F, F: Future> Work<ClosureWork> for C {
    type Future = F;

    fn into_future(self) -> F {
        self()
    }
}

mod sealed {
    pub trait Sealed<M> {}

    impl<F: Future> Sealed<super::FutureWork> for F {}

    impl<C: FnOnce() -> F, F: Future> Sealed<super::ClosureWork> for C {}
}
