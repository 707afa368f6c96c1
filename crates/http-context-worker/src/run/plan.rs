//! What is to be worked off, and how.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use http_context::ContextBuilder;

use crate::admin::Admin;
use crate::input::JobsFrom;
use crate::job_queue::{JobQueue, QueueAddress};
use crate::results::function::{JobResult, ResultsFunction};
use crate::results::output::Target;
use crate::retry::RetryPolicy;

/// What a worker is to work off, and how: what the command line of [`Worker::main`](crate::Worker::main)
/// says by its flags.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use http_context_worker::{JobsFrom, Plan, RetryPolicy, Target};
///
/// let plan = Plan::run(JobsFrom::File("jobs.ndjson".into()))
///     .state("state")
///     .results(Target::File("results.ndjson".into()))
///     .concurrency(16)
///     .retry(RetryPolicy::attempts(3))
///     .drain_timeout(Duration::from_secs(20));
/// ```
#[derive(Clone)]
#[must_use = "a plan does nothing until a worker runs it"]
pub struct Plan {
    pub(crate) jobs: Option<JobsFrom>,
    pub(crate) results: PlannedResults,
    pub(crate) rejects: Target,
    pub(crate) queue: PlannedQueue,
    pub(crate) concurrency: usize,
    /// As many as `concurrency` where nothing is said.
    pub(crate) pool: Option<usize>,
    pub(crate) retry: RetryPolicy,
    pub(crate) max_crashes: u32,
    pub(crate) drain_timeout: Duration,
    pub(crate) context: ContextBuilder,
    pub(crate) admin: Option<Admin>,
}

/// Where the results of a plan go.
#[derive(Clone, Debug)]
pub(crate) enum PlannedResults {
    Target(Target),
    Function(ResultsFunction),
}

/// The queue of a plan.
#[derive(Clone)]
pub(crate) enum PlannedQueue {
    /// To be opened.
    At(QueueAddress),
    /// Open already.
    Open(JobQueue),
}

impl Plan {
    /// Works off the jobs of an input, and ends when they are done: all of the queue's, those included
    /// that come from elsewhere. By default the queue is embedded and thrown away at the end, results go to
    /// standard output, and rejected lines to standard error.
    pub fn run(jobs: JobsFrom) -> Self {
        Self::new(Some(jobs), PlannedQueue::At(QueueAddress::Embedded(None)))
    }

    /// Works off what others put into a queue, until it is asked to end. Results go to standard output by
    /// default.
    pub fn serve(queue: QueueAddress) -> Self {
        Self::new(None, PlannedQueue::At(queue))
    }

    /// Works off a queue that this process has open, until it is asked to end. Results go to standard
    /// output by default. A queue can be worked off once.
    pub fn on(queue: &JobQueue) -> Self {
        Self::new(None, PlannedQueue::Open(queue.clone()))
    }

    fn new(jobs: Option<JobsFrom>, queue: PlannedQueue) -> Self {
        Self {
            jobs,
            results: PlannedResults::Target(Target::Stdout),
            rejects: Target::Stderr,
            queue,
            concurrency: 50,
            pool: None,
            retry: RetryPolicy::default(),
            max_crashes: 5,
            drain_timeout: Duration::from_secs(5),
            context: http_context::builder(),
            admin: None,
        }
    }

    /// Keeps the queue in this directory, so that a run that was killed can be started again.
    pub fn state(self, dir: impl Into<PathBuf>) -> Self {
        self.queue(QueueAddress::Embedded(Some(dir.into())))
    }

    /// Where jobs wait.
    pub fn queue(mut self, address: QueueAddress) -> Self {
        self.queue = PlannedQueue::At(address);
        self
    }

    /// Where result lines go: one for each job, written before the job leaves the queue.
    ///
    /// A file holds each result once, whole, whenever the process is killed: what was written and not
    /// settled is cut off when the file is opened again, and its jobs run again. A stream cannot be cut;
    /// a process that is killed between writing and settling writes those results again when it is started
    /// again.
    pub fn results(mut self, target: Target) -> Self {
        self.results = PlannedResults::Target(target);
        self
    }

    /// Hands results to a function, in place of a file: for a database, a channel, another queue.
    ///
    /// The function gets batches of up to 512 results, one batch at a time, in the order in which they are
    /// settled. The jobs of a batch leave the queue only after it has returned `Ok`, and no place of a worker
    /// is free for another job until they have. So no result is lost: `Ok` has to mean that the results are
    /// where they outlive this process, if they are to. And a result comes at least once: a process that
    /// dies between the `Ok` and the commit of the queue runs those jobs again, and hands over their new
    /// results; so does another process of a shared queue, when this one was silent for longer than the
    /// takeover time. Whoever writes by the id of the job, and leaves what is there alone
    /// (`INSERT … ON CONFLICT DO NOTHING`), has each once.
    ///
    /// An error ends the run with [`Failure::Results`](crate::Failure::Results); the jobs of the batch stay
    /// in the queue. What may pass is for the function to try again. `name` is what a state remembers the
    /// function by, as it does a file: a state that is not finished wants the same one again.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_context_worker::{JobResult, JobsFrom, Plan};
    /// use tokio::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel(8);
    /// let plan = Plan::run(JobsFrom::Stdin).results_to("channel", move |results: Vec<JobResult>| {
    ///     let sender = sender.clone();
    ///     async move { sender.send(results).await }
    /// });
    /// ```
    ///
    /// With a channel, `Ok` means that the results are in the memory of this process.
    pub fn results_to<F, Fut, E>(mut self, name: impl Into<String>, take: F) -> Self
    where
        F: Fn(Vec<JobResult>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.results = PlannedResults::Function(ResultsFunction::new(&name.into(), take));
        self
    }

    /// Where rejected lines are reported.
    pub fn rejects(mut self, target: Target) -> Self {
        self.rejects = target;
        self
    }

    /// How many jobs run at once, at least 1; 50 by default.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// How many warm sessions jobs hand on to one another, connections and all; 0 gives each job a session
    /// of its own. By default as many as jobs run at once.
    pub fn pool(mut self, sessions: usize) -> Self {
        self.pool = Some(sessions);
        self
    }

    /// Whether and when a failed job is tried again. By default it is not.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How many workers may crash with a job in hand before it fails as poisoned, counted over all workers
    /// of the queue; at least 1, and 5 by default.
    pub fn max_crashes(mut self, crashes: u32) -> Self {
        self.max_crashes = crashes.max(1);
        self
    }

    /// How long jobs under way may go on once the run is asked to end; 5 s by default.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Shows the run on this endpoint: its queue and its jobs, and whether it is ready.
    pub fn admin(mut self, admin: &Admin) -> Self {
        self.admin = Some(admin.clone());
        self
    }

    /// The options of every job's context, and of the pool's sessions.
    pub fn context(mut self, options: ContextBuilder) -> Self {
        self.context = options;
        self
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("jobs", &self.jobs)
            .field("results", &self.results)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
