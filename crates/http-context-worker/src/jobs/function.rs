//! What can be the function of a job.

use std::future::Future;

use serde::Serialize;

use super::{BoxError, JobContext, JobError};

/// The function of a job: an `async fn` that takes the job, or the job and its [`JobContext`], and returns
/// a `Result`.
///
/// Of a result, what is `Ok` must be [`Serialize`]: it stands in the result line. The error may be anything
/// that [`Box<dyn Error + Send + Sync>`](std::error::Error) can be made of: an error type, a `String`, a
/// [`JobError`].
///
/// `Form` keeps the two forms apart and is always inferred. This trait is sealed.
///
/// # Cancel safety
///
/// The future is dropped at whatever `await` it stands when the deadline of its job is over, and when
/// the worker ends before the job does; in the second case the job stays in the queue and runs again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the function of a job",
    label = "not an `async` function of a job, or of a job and its `JobContext`, that returns a `Result`",
    note = "the job is taken by value, and is `Serialize` and `Deserialize`; what is `Ok` is `Serialize`",
    note = "the error is one that `Box<dyn Error + Send + Sync>` is made from, and the future is `Send`"
)]
pub trait JobFunction<Form>: sealed::Sealed<Form> + Send + Sync + 'static {
    /// What it takes.
    type Job;
    /// What it returns.
    type Output: Serialize;

    /// Runs one attempt at a job.
    ///
    /// # Errors
    ///
    /// What the function returned.
    fn call(
        &self,
        job: Self::Job,
        context: JobContext,
    ) -> impl Future<Output = Result<Self::Output, JobError>> + Send;
}

impl<F, J, Fut, O, E> JobFunction<fn(J)> for F
where
    F: Fn(J) -> Fut + Send + Sync + 'static,
    J: Send,
    Fut: Future<Output = Result<O, E>> + Send,
    O: Serialize,
    E: Into<BoxError>,
{
    type Job = J;
    type Output = O;

    async fn call(&self, job: J, _: JobContext) -> Result<O, JobError> {
        self(job).await.map_err(|error| JobError::of(error.into()))
    }
}

impl<F, J, Fut, O, E> JobFunction<fn(J, JobContext)> for F
where
    F: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
    J: Send,
    Fut: Future<Output = Result<O, E>> + Send,
    O: Serialize,
    E: Into<BoxError>,
{
    type Job = J;
    type Output = O;

    async fn call(&self, job: J, context: JobContext) -> Result<O, JobError> {
        self(job, context)
            .await
            .map_err(|error| JobError::of(error.into()))
    }
}

mod sealed {
    use super::JobContext;

    pub trait Sealed<Form> {}

    impl<F: Fn(J) -> Fut, J, Fut> Sealed<fn(J)> for F {}

    impl<F: Fn(J, JobContext) -> Fut, J, Fut> Sealed<fn(J, JobContext)> for F {}
}
