//! A run from its start to its end: open everything, work, stop, close.
//!
//! Three tasks share the work: the ingest fills the queue, the engine hands jobs out, the ledger
//! writes results. A run ends when the input was read and every job is finished, when a signal asks
//! for it, or when one of the three fails. The way out is the same for all: nothing new begins,
//! what is under way may finish until the drain deadline, what is left then is cut off (its
//! contexts close, its jobs stay in the queue), and the ledger settles what it was given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_context::{ContextBuilder, PoolReport};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::commands::say;
use crate::failure::Failure;
use crate::handler::{JobHandler, Shared};
use crate::ingest::ingest;
use crate::input::{Input, JobsFrom};
use crate::ledger::Ledger;
use crate::output::{Output, Target};
use crate::progress::{Meter, Progress};
use crate::queue::{Embedded, OutputKind, Queue};
use crate::retry::Retry;
use crate::send::JobCode;
use crate::signals::{Signal, Signals};
use crate::state::State;
use crate::tally::Tally;
use crate::warm::Warm;

/// How long contexts that were cut off may take to close; after them the ledger, and then the
/// queue.
const CLOSE_WITHIN: Duration = Duration::from_millis(600);

/// What to run.
#[derive(Clone)]
pub struct Plan {
    /// Where jobs come from.
    pub jobs: JobsFrom,
    /// Where results go.
    pub results: Target,
    /// Where rejected lines are told.
    pub rejects: Target,
    /// The state directory, or none for a state that is thrown away.
    pub state: Option<PathBuf>,
    /// How many jobs run at once.
    pub concurrency: usize,
    /// How many warm sessions jobs hand on to one another; 0 gives each job a session of its own.
    pub pool: usize,
    /// Whether and when a failed job is tried again.
    pub retry: Retry,
    /// Whether a response with a status of 400 and above is a failure.
    pub fail_on_status: bool,
    /// How long jobs under way may go on after a signal.
    pub drain_timeout: Duration,
    /// The options of every job's context.
    pub context: ContextBuilder,
    /// What a job does.
    pub code: JobCode,
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
    let began = Instant::now();
    // The input first: a file name that is wrong leaves no state behind.
    let input = Input::open(&plan.jobs)?;
    let state = State::open(plan.state.as_deref())?;
    let queue = Embedded::open(&state.database(), state.is_kept()).await?;
    let results = open_output(&queue, &state, OutputKind::Results, &plan.results).await?;
    let rejects = open_output(&queue, &state, OutputKind::Rejects, &plan.rejects).await?;
    let tally = queue.tally().await?;
    let (meter, progress) = Meter::new(Progress {
        queued: queue.len().await?,
        rejected: queue.rejected().await?,
        tally: tally.clone(),
        ..Progress::default()
    });
    show(progress.clone());

    let (desk, ledger) = Ledger::new(queue.clone(), results, tally.clone(), meter.clone());
    let context = plan.context.lazy().drain_timeout(plan.drain_timeout);
    let (warm, context) = Warm::new(plan.pool, context);
    let shared = Arc::new(Shared {
        context,
        code: plan.code,
        retry: plan.retry,
        fail_on_status: plan.fail_on_status,
        desk,
        stop: CancellationToken::new(),
        cut: CancellationToken::new(),
        under_way: TaskTracker::new(),
    });
    let mut running = Running {
        stop: shared.stop.clone(),
        cut: shared.cut.clone(),
        under_way: shared.under_way.clone(),
        ledger: tokio::spawn(ledger.run()),
        ingest: tokio::spawn(ingest(
            input,
            queue.clone(),
            rejects,
            meter.clone(),
            shared.stop.clone(),
        )),
        engine: tokio::spawn({
            let (stop, queue) = (shared.stop.clone(), queue.clone());
            async move {
                let handler = JobHandler { shared };
                Err(queue.work(handler, plan.concurrency, stop).await.into())
            }
        }),
    };
    let end = tokio::select! {
        biased;
        ended = running.until_done(progress.clone()) => ended.map(|()| None),
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

/// The tasks of a run, and what stops them.
struct Running {
    stop: CancellationToken,
    cut: CancellationToken,
    under_way: TaskTracker,
    ingest: JoinHandle<Result<(), Failure>>,
    engine: JoinHandle<Result<(), Failure>>,
    ledger: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Waits until every job is finished. An error when a task fails first.
    async fn until_done(&mut self, mut progress: watch::Receiver<Progress>) -> Result<(), Failure> {
        let ingest = &mut self.ingest;
        let done = async {
            joined(ingest.await, "reader of jobs")?;
            // The sender is held by the ledger, which is watched below.
            if progress.wait_for(Progress::is_done).await.is_err() {
                return std::future::pending().await;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            done = done => done,
            ended = &mut self.ledger => joined(ended, "ledger").and(Err(Failure::Fault("ledger"))),
            ended = &mut self.engine => joined(ended, "engine"),
        }
    }

    /// Ends all tasks, in bounded time: `drain` for the jobs under way, then [`CLOSE_WITHIN`] for
    /// each of what follows.
    async fn close(mut self, drain: Duration) -> Result<(), Failure> {
        self.stop.cancel();
        self.under_way.close();
        if timeout(drain, self.under_way.wait()).await.is_err() {
            self.cut.cancel();
            let _ = timeout(CLOSE_WITHIN, self.under_way.wait()).await;
        }
        self.ingest.abort();
        self.engine.abort();
        // With the engine the last desk goes, and with it the ledger's work ends.
        if self.ledger.is_finished() {
            return Ok(());
        }
        match timeout(CLOSE_WITHIN, &mut self.ledger).await {
            Ok(ended) => joined(ended, "ledger"),
            Err(_) => Err(Failure::Fault("ledger")),
        }
    }
}

fn joined(
    ended: Result<Result<(), Failure>, tokio::task::JoinError>,
    name: &'static str,
) -> Result<(), Failure> {
    ended.unwrap_or(Err(Failure::Fault(name)))
}

/// Opens an output where the state says that it ends.
async fn open_output(
    queue: &impl Queue,
    state: &State,
    kind: OutputKind,
    target: &Target,
) -> Result<Output, Failure> {
    let now = target.name();
    let length = match queue.output(kind).await? {
        Some((before, length)) if before == now => length,
        Some((before, _))
            if kind == OutputKind::Results
                && (queue.len().await? > 0 || queue.has_unread_input().await?) =>
        {
            return Err(Failure::OtherResults {
                state: state.path().to_path_buf(),
                before,
                now,
            });
        }
        _ => {
            queue.begin_output(kind, &now).await?;
            0
        }
    };
    Ok(Output::open(target, length, state.is_kept())?)
}
