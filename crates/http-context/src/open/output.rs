//! What the work of an `open` returns.

use crate::error::OpenError;

/// What the work of [`open`](crate::open) returns: a `Result` whose error can say that the context
/// could not be opened.
///
/// It is implemented for `Result`s whose error is made from [`OpenError`].
#[diagnostic::on_unimplemented(
    message = "the work of `open` has to return a `Result`, and this returns `{Self}`",
    label = "an `open` can be refused, and `{Self}` cannot say so",
    note = "return `Ok::<_, http_context::OpenError>(…)`, or any error that is made from `OpenError`",
    note = "for work of any output there is `http_context::job(…)`, which has nothing to refuse"
)]
pub trait OpenOutput: Sized {
    /// The output of work that was not started.
    fn refused(error: OpenError) -> Self;

    /// Whether the work did what it was to do.
    fn is_completed(&self) -> bool;
}

impl<T, E: FromOpenError> OpenOutput for Result<T, E> {
    fn refused(error: OpenError) -> Self {
        Err(E::from_open_error(error))
    }

    fn is_completed(&self) -> bool {
        self.is_ok()
    }
}

/// An error that can be made from an [`OpenError`].
///
/// It is implemented for every type that is `From<OpenError>`, as `Box<dyn Error>`, `anyhow::Error`
/// and `OpenError` itself are.
///
/// ```
/// use http_context::OpenError;
///
/// enum JobError {
///     Context(OpenError),
/// }
///
/// // With this `open` takes work whose error is `JobError`.
/// impl From<OpenError> for JobError {
///     fn from(error: OpenError) -> Self {
///         Self::Context(error)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the error `{Self}` of the work cannot be made from `http_context::OpenError`",
    label = "`{Self}` cannot say that the context could not be opened",
    note = "implement `From<http_context::OpenError>` for `{Self}`, say with `#[from]` of `thiserror`"
)]
pub trait FromOpenError: Sized {
    /// Makes it.
    fn from_open_error(error: OpenError) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<OpenError>> FromOpenError for E {
    fn from_open_error(error: OpenError) -> Self {
        error.into()
    }
}
