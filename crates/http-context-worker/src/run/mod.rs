//! A run from its start to its end: open everything, work, stop, close.
//!
//! Three tasks share the work: the ingest fills the queue, the engine hands jobs out, the writer of results
//! writes results. A run ends when the input was read and every job is finished, when a signal asks
//! for it, or when one of the three fails. The way out is the same for all: nothing new begins,
//! what is under way may finish until the drain deadline, what is left then is cut off (its
//! contexts close, its jobs stay in the queue), and the writer of results settles what it was given.

pub(crate) mod enqueue;
mod ingest;
mod outputs;
mod running;
pub(crate) mod signals;
pub(crate) mod summary;
mod warm;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_context::{ContextBuilder, PoolReport};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::retry::Retry;
use crate::attempt::run_job::JobCode;
use crate::failure::Failure;
use crate::handler::{JobHandler, Shared};
use crate::input::{Input, JobsFrom};
use crate::log::say;
use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::queue::State;
use crate::queue::{Embedded, OutputKind, Queue, Redis, RedisAddress};
use crate::result_writer::ResultWriter;
use crate::results::output::Target;
use crate::run::ingest::ingest;
use crate::run::outputs::open_output;
use crate::run::running::{CLOSE_WITHIN, Running};
use crate::run::signals::{Signal, Signals};
use crate::run::warm::Warm;

/// What to run.
#[derive(Clone)]
pub struct Plan {
    /// Where jobs come from; `None` for a worker that others queue jobs for, and that works until a
    /// signal.
    pub jobs: Option<JobsFrom>,
    /// Where results go.
    pub results: Target,
    /// Where rejected lines are reported.
    pub rejects: Target,
    /// Where jobs wait.
    pub queue: QueueAddress,
    /// How many jobs run at once.
    pub concurrency: usize,
    /// How many warm sessions jobs hand on to one another; 0 gives each job a session of its own.
    pub pool: usize,
    /// Whether and when a failed job is tried again.
    pub retry: Retry,
    /// How many workers may crash with a job in hand before it fails as poisoned. At least 1.
    pub max_crashes: u32,
    /// Whether a response with a status of 400 and above is a failure.
    pub fail_on_status: bool,
    /// How long jobs under way may go on after a signal.
    pub drain_timeout: Duration,
    /// The options of every job's context.
    pub context: ContextBuilder,
    /// What a job does.
    pub code: JobCode,
}

/// Where jobs wait.
#[derive(Clone, Debug)]
pub enum QueueAddress {
    /// In this process: the state directory, or none for a state that is thrown away.
    Embedded(Option<PathBuf>),
    /// In a Redis that other processes share.
    Redis(RedisAddress),
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The figures of the state, former runs included.
    pub progress: Progress,
    /// The sums as they were when this run began.
    pub before: Tally,
    /// How long this run took.
    pub duration: Duration,
    /// The signal that ended it with jobs left to do.
    pub interrupted: Option<Signal>,
    /// What the end of the pool of warm sessions found. `None` without a pool.
    pub pool: Option<PoolReport>,
}

/// Runs the plan. `show` is called once, when work begins, with what a progress bar needs.
///
/// # Errors
///
/// [`Failure`] names what stopped the run. Jobs that were not finished are in the state.
pub async fn run(
    plan: Plan,
    signals: &Signals,
    show: impl FnOnce(watch::Receiver<Progress>),
) -> Result<Ended, Failure> {
    // The input first: a file name that is wrong leaves no state behind.
    let input = plan.jobs.as_ref().map(Input::open).transpose()?;
    let stop = CancellationToken::new();
    match plan.queue.clone() {
        QueueAddress::Embedded(dir) => {
            let state = State::open(dir.as_deref())?;
            if let Some(sentence) = state.keep_private()? {
                say(&format!("warning: {sentence}\n"));
            }
            let queue = Embedded::open(&state.database(), state.is_kept()).await?;
            work(plan, input, queue, Some(&state), stop, signals, show).await
        }
        QueueAddress::Redis(address) => {
            let queue = Redis::open(&address, stop.clone()).await?;
            work(plan, input, queue, None, stop, signals, show).await
        }
    }
}

async fn work(
    plan: Plan,
    input: Option<Input>,
    queue: impl Queue,
    state: Option<&State>,
    stop: CancellationToken,
    signals: &Signals,
    show: impl FnOnce(watch::Receiver<Progress>),
) -> Result<Ended, Failure> {
    let began = Instant::now();
    let (dir, sync) = (state.map(State::path), state.is_none_or(State::is_kept));
    let results = open_output(&queue, OutputKind::Results, &plan.results, dir, sync).await?;
    let rejects = open_output(&queue, OutputKind::Rejects, &plan.rejects, dir, sync).await?;
    let tally = queue.tally(&results).await?;
    let rejected = match &input {
        Some(input) => queue.rejected(&input.name()).await?,
        None => 0,
    };
    let (meter, progress) = Meter::new(Progress {
        queued: queue.len().await?,
        rejected,
        read_all: input.is_none(),
        tally: tally.clone(),
        ..Progress::default()
    });
    queue.follow(&meter);
    show(progress.clone());

    let (sink, writer) = ResultWriter::new(queue.clone(), results, tally.clone(), meter.clone());
    let context = plan.context.lazy().drain_timeout(plan.drain_timeout);
    let (warm, context) = Warm::new(plan.pool, context);
    let shared = Arc::new(Shared {
        context,
        code: plan.code,
        retry: plan.retry,
        max_crashes: plan.max_crashes,
        last_chance: Semaphore::new(1),
        fail_on_status: plan.fail_on_status,
        sink,
        stop,
        cut: CancellationToken::new(),
        under_way: TaskTracker::new(),
    });
    let mut running = Running {
        stop: shared.stop.clone(),
        cut: shared.cut.clone(),
        under_way: shared.under_way.clone(),
        result_writer: Some(tokio::spawn(writer.run())),
        ingest: input.map(|input| {
            let (queue, meter, stop) = (queue.clone(), meter.clone(), shared.stop.clone());
            tokio::spawn(ingest(input, queue, rejects, meter, stop))
        }),
        engine: tokio::spawn({
            let (stop, queue) = (shared.stop.clone(), queue.clone());
            async move {
                let handler = JobHandler {
                    shared,
                    queue: queue.clone(),
                };
                Err(queue.work(handler, plan.concurrency, stop).await.into())
            }
        }),
    };
    let end = tokio::select! {
        biased;
        ended = running.until_done(&queue, progress.clone()) => ended.map(|()| None),
        signal = signals.first() => Ok(Some(signal)),
    };
    running.stop.cancel();
    meter.update(|progress| progress.draining = true);
    let drain = match end {
        Ok(Some(signal)) => {
            say(&stopping(signal, plan.drain_timeout));
            plan.drain_timeout
        }
        _ => Duration::ZERO,
    };
    let closed = running.close(drain).await;
    let pool = warm.close(CLOSE_WITHIN).await;
    let _ = timeout(CLOSE_WITHIN, queue.close()).await;
    let signal = end?;
    closed?;
    let progress = progress.borrow().clone();
    Ok(Ended {
        interrupted: signal.filter(|_| !progress.is_done()),
        progress,
        before: tally,
        duration: began.elapsed(),
        pool,
    })
}

fn stopping(signal: Signal, drain: Duration) -> String {
    format!(
        "{}: no further job begins, those under way may finish within {drain:?}; a second signal \
         ends at once\n",
        signal.as_str()
    )
}
