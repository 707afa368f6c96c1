//! A kind of job without its type.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http_context::ContextBuilder;

use super::{JobContext, JobError};
use crate::line::{BadField, JobLine};
use crate::retry::RetryPolicy;

/// What a worker knows of a kind of job.
pub(crate) trait AnyKind: Send + Sync {
    /// The name that tells it from others of the worker; none where it is the only one.
    fn name(&self) -> Option<&str>;

    /// How many of its jobs run at once.
    fn concurrency(&self) -> Option<usize>;

    /// Whether and when a failed job is tried again, where the kind has a policy of its own.
    fn retry(&self) -> Option<RetryPolicy>;

    /// How long an attempt may take.
    fn deadline(&self) -> Option<Duration>;

    /// How long its jobs may go on once the worker is on its way out.
    fn drain_timeout(&self) -> Option<Duration>;

    /// The text that waits in the queue for a line.
    fn text_of(&self, line: &JobLine<'_>) -> Result<String, BadField>;

    /// A line of it, where one can be made.
    fn example(&self) -> Option<String>;

    /// The part of a result line that says what the job returned; without it, what stands there
    /// instead.
    fn in_result(&self, output: Option<&JobOutput>) -> String;

    /// Reads a job from its text, and makes ready what it does and the options of its context.
    fn begin(
        &self,
        text: &str,
        context: JobContext,
        options: ContextBuilder,
    ) -> Result<Begun, JobError>;
}

/// What a job returned, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct JobOutput(pub(crate) Box<serde_json::value::RawValue>);

/// An attempt that is ready to run.
pub(crate) struct Begun {
    /// The options of its context.
    pub(crate) options: ContextBuilder,
    /// To be polled in that context.
    pub(crate) work: BoxFuture<'static, Result<JobOutput, JobError>>,
}
