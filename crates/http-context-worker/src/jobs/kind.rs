//! A kind of job: its type, its function, and what holds for its jobs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_context::ContextBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::any_kind::{AnyKind, Begun, JobOutput};
use super::unreadable::read;
use super::{JobContext, JobError, JobFunction, example};
use crate::line::{BadField, JobLine, job_text};
use crate::retry::RetryPolicy;

type Run<J> =
    dyn Fn(J, JobContext) -> BoxFuture<'static, Result<JobOutput, JobError>> + Send + Sync;
type Options<J> = dyn Fn(&J, ContextBuilder) -> Result<ContextBuilder, JobError> + Send + Sync;
type Parse<J> = dyn Fn(&JobLine<'_>) -> Result<J, BadField> + Send + Sync;

/// A kind of job: a type, the function that runs jobs of it, and what holds for all of them.
///
/// A job arrives as a line of JSON: an object with an `id`, whose fields are those of the type. The type
/// may have a field `id`, and need not; if it denies unknown fields, it has one. Where a worker has
/// several kinds, the field `kind` of a line names the one that the job is of. A line with a field `run_at`, a
/// time as RFC 3339 writes it, is begun by no worker before that; see
/// [`JobQueue::enqueue_at`](crate::JobQueue::enqueue_at).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use http_context_worker::{Kind, RetryPolicy};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Mail {
///     to: String,
/// }
///
/// async fn send(mail: Mail) -> Result<(), http_context_worker::JobError> {
///     // … http_context::http_session()?.post(…)
///     Ok(())
/// }
///
/// let mail = Kind::new(send)
///     .named("mail")
///     .concurrency(4)
///     .deadline(Duration::from_secs(30))
///     .retry(RetryPolicy::attempts(5));
/// ```
#[must_use = "a kind does nothing until a worker has it"]
pub struct Kind<J> {
    name: Option<String>,
    concurrency: Option<usize>,
    retry: Option<RetryPolicy>,
    deadline: Option<Duration>,
    drain_timeout: Option<Duration>,
    options: Option<Box<Options<J>>>,
    parse: Option<Box<Parse<J>>>,
    example: Option<String>,
    /// The members that stand in a result line without an output, where its members stand in the line
    /// itself.
    flat: Option<String>,
    run: Box<Run<J>>,
}

impl<J: Serialize + DeserializeOwned + Send + Sync + 'static> Kind<J> {
    /// Jobs of the type that the function takes. Its deadline, its policy and its bounds are those of the
    /// worker, unless something else is said here.
    pub fn new<F, Form>(function: F) -> Self
    where
        F: JobFunction<Form, Job = J>,
        F::Output: 'static,
    {
        let function = Arc::new(function);
        let run = move |job, context| {
            let function = Arc::clone(&function);
            async move {
                let output = function.call(job, context).await?;
                let json = serde_json::value::to_raw_value(&output);
                json.map(JobOutput).map_err(|error| {
                    JobError::fatal(format!(
                        "what it returned cannot be written as JSON: {error}"
                    ))
                })
            }
            .boxed()
        };
        Self {
            name: None,
            concurrency: None,
            retry: None,
            deadline: None,
            drain_timeout: None,
            options: None,
            parse: None,
            example: None,
            flat: None,
            run: Box::new(run),
        }
    }

    /// The name by which lines say that they are of this kind, in their field `kind`. A worker with one
    /// kind needs none; it calls its jobs by its own name then, and leaves a field `kind` alone.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many jobs of the kind run at once, at least 1: a bound within that of the worker. A job that
    /// waits for it holds one of the worker's places, so a kind that is much slower than it is fed wants
    /// a worker of its own.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = Some(jobs.max(1));
        self
    }

    /// Whether and when a failed job of the kind is tried again, in place of what holds for the worker.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// How long an attempt may take; without it as long as it likes. An attempt that is not done by then
    /// is dropped, its context cancelled with all that is under way in it, and it has failed.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// How long its jobs under way may go on once the worker is asked to end, where that is shorter than for
    /// the others. Jobs that matter less, or that lose nothing, are cut off sooner and leave the rest of
    /// the time, the network and the servers to those that matter more; zero cuts them off at once. They stay
    /// in the queue.
    pub fn drain_timeout(mut self, limit: Duration) -> Self {
        self.drain_timeout = Some(limit);
        self
    }

    /// Sets the options of a job's context, such as a proxy, by what stands in the job. It starts from the
    /// options of the worker. A session of the worker's pool has the options of the pool: options of a
    /// session that differ from job to job want [`without_pool`](ContextBuilder::without_pool).
    ///
    /// An error fails the attempt before it has begun.
    pub fn context<F>(mut self, options: F) -> Self
    where
        F: Fn(&J, ContextBuilder) -> Result<ContextBuilder, JobError> + Send + Sync + 'static,
    {
        self.options = Some(Box::new(options));
        self
    }

    /// Reads lines by hand, in place of what serde makes of them: for rules that a type does not express,
    /// and for short forms. What waits in the queue is the job as it is serialized, with the line's `id`
    /// and `kind`; it must be an object.
    ///
    /// Without it a line waits as it stands, fields that the type does not know included.
    pub fn parse<F>(mut self, parse: F) -> Self
    where
        F: Fn(&JobLine<'_>) -> Result<J, BadField> + Send + Sync + 'static,
    {
        self.parse = Some(Box::new(parse));
        self
    }

    /// A job that `--help` shows as a line. Without it one is made up from the type, where that can be
    /// done.
    pub fn example(mut self, job: &J) -> Self {
        self.example = serde_json::to_string(job).ok();
        self
    }

    /// Puts the members of what jobs return into the result line itself, in place of its member `output`.
    /// They must be other ones than it has: `id`, `status`, `attempts`, `error`, `exit`. `without` is what
    /// stands there for a job that returned nothing.
    pub fn flat_output(mut self, without: &impl Serialize) -> Self {
        self.flat = serde_json::to_string(without).ok();
        self
    }
}

impl<J: Serialize + DeserializeOwned + Send + Sync + 'static> AnyKind for Kind<J> {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn concurrency(&self) -> Option<usize> {
        self.concurrency
    }

    fn retry(&self) -> Option<RetryPolicy> {
        self.retry
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    fn drain_timeout(&self) -> Option<Duration> {
        self.drain_timeout
    }

    fn text_of(&self, line: &JobLine<'_>) -> Result<String, BadField> {
        match &self.parse {
            Some(parse) => job_text(self.name(), line.id(), &parse(line)?),
            None => read::<J>(line.text()).map(|_| line.text().trim().to_owned()),
        }
    }

    fn example(&self) -> Option<String> {
        let text = self.example.clone().or_else(example::of::<J>)?;
        let line = example::with_id(&text, self.name())?;
        // What `--help` shows is a line that is taken.
        self.text_of(&JobLine::parse(line.as_bytes()).ok()?).ok()?;
        Some(line)
    }

    fn in_result(&self, output: Option<&JobOutput>) -> String {
        let text = output.map(|output| output.0.get());
        let Some(without) = &self.flat else {
            return format!("\"output\":{}", text.unwrap_or("null"));
        };
        let text = text.unwrap_or(without).trim();
        text.strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    fn begin(
        &self,
        text: &str,
        context: JobContext,
        options: ContextBuilder,
    ) -> Result<Begun, JobError> {
        let job: J = read(text).map_err(|field| {
            JobError::failed(format!("cannot be read as a job of this worker: {field}"))
        })?;
        let options = match &self.options {
            Some(set) => set(&job, options)?,
            None => options,
        };
        Ok(Begun {
            options,
            work: (self.run)(job, context),
        })
    }
}
