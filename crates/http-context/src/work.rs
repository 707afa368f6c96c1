//! What can be run in a context.

/// What can be run in a context: a future, or a closure that makes one.
///
/// `M` tells the two apart and is always inferred.
pub trait Work<M> {
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
