//! A worker: kinds of jobs under a name, and the ways to run them.

use std::fmt;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use http_context::ContextBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::{self, ExtraCommand, Face, Flag};
use crate::failure::Failure;
use crate::jobs::{AnyKind, BoxError, Hooks, JobContext, JobEnd, JobFunction, Kind, Kinds};
use crate::log::say;
use crate::run::{Definition, Ended, Plan, StoppedBy, run};

/// A worker: a name, the kinds of jobs that it runs, and what holds for all of them.
///
/// Each attempt at a job runs in an [HTTP context](http_context) of its own: whatever code it calls gets the
/// job's session from [`http_session`](http_context::http_session), and when it ends its context proves that
/// nothing was left behind.
///
/// # Examples
///
/// ```no_run
/// use http_context_worker::Worker;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Mail {
///     to: String,
///     text: String,
/// }
///
/// async fn send(mail: Mail) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
///     let request = http_context::http_session()?.post("http://mail.internal/send");
///     Ok(request.body(mail.text).send().await?.status().as_u16())
/// }
///
/// fn main() -> std::process::ExitCode {
///     Worker::new("mailer", send).main()
/// }
/// ```
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {
    face: Face,
    /// Or what is wrong with how it was put together.
    definition: Result<Definition, String>,
    context: ContextBuilder,
}

impl Worker {
    /// A worker with one kind of job.
    pub fn new<F, J, Form>(name: impl Into<String>, function: F) -> Self
    where
        F: JobFunction<Form, Job = J>,
        F::Output: 'static,
        J: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Self::builder(name).kind(Kind::new(function)).build()
    }

    /// A worker of this name: that of the program in its help, of the service in its telemetry.
    pub fn builder(name: impl Into<String>) -> WorkerBuilder {
        WorkerBuilder {
            face: Face {
                name: name.into(),
                ..Face::default()
            },
            kinds: Vec::new(),
            hooks: Hooks::default(),
            context: http_context::builder(),
            #[cfg(feature = "cron")]
            schedules: Vec::new(),
        }
    }

    /// The whole program: reads the command line (`run`, `enqueue` and `serve`, with the options that their
    /// help has), does what it says, and returns the exit code.
    ///
    /// It starts a runtime of its own, so it is called outside of one. It installs what a program has once:
    /// a subscriber of `tracing`, a recorder of `metrics`, an observer of all contexts, handlers of signals,
    /// and a panic hook that calls the one before it.
    pub fn main(self) -> ExitCode {
        match &self.definition {
            Ok(definition) => cli::main(self.face, definition, self.context),
            Err(sentence) => {
                say(&format!("error: {sentence}\n"));
                ExitCode::from(2)
            }
        }
    }

    pub(crate) fn into_definition(self) -> Result<Definition, Failure> {
        self.definition.map_err(Failure::Worker)
    }

    /// Runs a plan until nothing is left to do, or until `stop` is ready: then no further job begins, those
    /// under way may go on until the drain timeout of the plan, and what is left stays in the queue.
    ///
    /// For programs with a `main` of their own. Nothing is installed but a panic hook that calls the one
    /// before it; see [`Telemetry`](crate::Telemetry), [`Admin`](crate::Admin) and
    /// [`Signals`](crate::Signals) for the rest.
    ///
    /// # Errors
    ///
    /// [`Failure`] names what stopped the run, other than its jobs. Those that were not finished are in the
    /// queue.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way it ends as by a crash: jobs under way are cut off and stay in the queue, and no
    /// result is lost or stands twice. Attempts that are under way are tasks of their own and end a moment
    /// later.
    pub async fn run(&self, plan: Plan, stop: impl Future<Output = ()>) -> Result<Ended, Failure> {
        let definition = self.definition.clone().map_err(Failure::Worker)?;
        let stop = async {
            stop.await;
            StoppedBy::Program
        };
        let admin = plan.admin.clone();
        let show = |view| {
            if let Some(admin) = admin {
                admin.follow(view);
            }
        };
        // Boxed, since it holds all that a run is, and its caller's future is not to be as large.
        Box::pin(run(definition, plan, stop, show)).await
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.face.name)
            .finish_non_exhaustive()
    }
}

/// Puts a [`Worker`] together.
///
/// A mistake in it (no kind, two kinds of one name, several of which one has no name) is reported when
/// the worker is run: by [`Worker::main`] as a sentence with exit code 2, by [`Worker::run`] as
/// [`Failure::Worker`].
///
/// ```
/// use http_context_worker::{JobContext, JobError, Kind, RetryPolicy, Worker};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Mail {
///     to: String,
/// }
///
/// async fn send(mail: Mail) -> Result<usize, JobError> {
///     Ok(mail.to.len())
/// }
///
/// let mails = Kind::new(send).concurrency(8).retry(RetryPolicy::attempts(3));
/// let worker = Worker::builder("mailer")
///     .kind(mails)
///     .before(|job: JobContext| async move {
///         println!("{} for the {}. time", job.id(), job.attempt());
///         Ok::<_, JobError>(())
///     })
///     .build();
/// # drop(worker);
/// ```
#[must_use = "a builder does nothing until the worker is built"]
pub struct WorkerBuilder {
    face: Face,
    kinds: Vec<Box<dyn AnyKind>>,
    hooks: Hooks,
    context: ContextBuilder,
    #[cfg(feature = "cron")]
    schedules: Vec<crate::Schedule>,
}

impl WorkerBuilder {
    /// Adds a kind of job. With several, each has a name, and lines say by it of which they are.
    pub fn kind<J>(mut self, kind: Kind<J>) -> Self
    where
        J: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.kinds.push(Box::new(kind));
        self
    }

    /// Queues a job by the calendar, while the worker serves a queue.
    #[cfg(feature = "cron")]
    pub fn schedule(mut self, schedule: crate::Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// The version that `--version` shows, as a rule `env!("CARGO_PKG_VERSION")`. Without it there is no
    /// `--version`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.face.version = Some(version.into());
        self
    }

    /// What stands above the usage in `--help`: a sentence.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.face.about = Some(about.into());
        self
    }

    /// Shows log lines with this target as well, as a rule `env!("CARGO_CRATE_NAME")`, where the command
    /// line says nothing else.
    pub fn log_target(mut self, target: impl Into<String>) -> Self {
        self.face.log_targets.push(target.into());
        self
    }

    /// The options of every job's context, and of the sessions that jobs hand on, for [`Worker::main`]. A
    /// plan of [`Worker::run`] has its own.
    pub fn context(mut self, options: ContextBuilder) -> Self {
        self.context = options;
        self
    }

    /// Runs before each attempt at a job, in its context. An error fails the attempt, and the job's
    /// function is not called.
    pub fn before<F, Fut, E>(mut self, hook: F) -> Self
    where
        F: Fn(JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.hooks.add_before(hook);
        self
    }

    /// Runs after each attempt at a job that came to its end, once its context has closed and before its
    /// result is written. The job waits for it; a panic in it is not the job's.
    pub fn after<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(JobContext, JobEnd) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.add_after(hook);
        self
    }

    /// What a line of jobs looks like, for the help.
    pub(crate) fn lines(mut self, lines: &str) -> Self {
        self.face.lines = Some(lines.to_owned());
        self
    }

    /// The name of a shared queue that nobody named.
    pub(crate) fn queue_name(mut self, name: &'static str) -> Self {
        self.face.queue_name = Some(name);
        self
    }

    pub(crate) fn flag(mut self, flag: Flag) -> Self {
        self.face.flags.push(flag);
        self
    }

    pub(crate) fn command(mut self, command: ExtraCommand) -> Self {
        self.face.commands.push(command);
        self
    }

    /// The worker.
    pub fn build(self) -> Worker {
        let kinds = Kinds::new(&self.face.name, self.kinds);
        #[cfg(feature = "cron")]
        let kinds = kinds.and_then(|kinds| match mistake(&kinds, &self.schedules) {
            None => Ok(kinds),
            Some(sentence) => Err(sentence),
        });
        let definition = kinds.map(|kinds| Definition {
            kinds: Arc::new(kinds),
            hooks: Arc::new(self.hooks),
            #[cfg(feature = "cron")]
            schedules: self.schedules.into(),
        });
        Worker {
            face: self.face,
            definition,
            context: self.context,
        }
    }
}

/// What is wrong with the schedules of a worker.
#[cfg(feature = "cron")]
fn mistake(kinds: &Kinds, schedules: &[crate::Schedule]) -> Option<String> {
    schedules.iter().enumerate().find_map(|(place, schedule)| {
        if schedules[..place]
            .iter()
            .any(|other| other.name() == schedule.name())
        {
            return Some(format!("two schedules have the name {}", schedule.name()));
        }
        schedule.mistake(|line| kinds.parse(line.text().as_bytes()).map(drop))
    })
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("name", &self.face.name)
            .finish_non_exhaustive()
    }
}
