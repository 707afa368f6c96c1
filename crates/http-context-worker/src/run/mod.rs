//! A run from its start to its end: open everything, work, stop, close.
//!
//! Three tasks share the work: the ingest fills the queue, the engine hands jobs out, the writer of results
//! writes results. A run ends when the input was read and every job is finished, when a signal asks
//! for it, or when one of the three fails. The way out is the same for all: nothing new begins,
//! what is under way may finish until the drain deadline, what is left then is cut off (its
//! contexts close, its jobs stay in the queue), and the writer of results settles what it was given.

mod asking;
mod control;
pub(crate) mod enqueue;
mod ingest;
mod outputs;
mod plan;
mod running;
pub(crate) mod signals;
pub(crate) mod summary;
#[cfg(feature = "cron")]
mod timetable;
mod warm;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_context::PoolReport;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure::Failure;
use crate::handler::{JobHandler, Shared};
use crate::input::Input;
use crate::job_queue::{JobQueue, Opened};
use crate::jobs::{Hooks, Kinds, LiveJobs, RecentFailures, RunView};
use crate::log::say;
use crate::panics;
use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::queue::{Cancellations, OutputKind, Queue, State};
use crate::result_writer::ResultWriter;
use crate::results::function::ResultsFunction;
use crate::results::output::Output;
use crate::run::asking::Asking;
use crate::run::control::RunControl;
use crate::run::ingest::ingest;
use crate::run::outputs::{open_output, open_results};
pub use crate::run::plan::Plan;
use crate::run::plan::PlannedQueue;
use crate::run::running::{CLOSE_WITHIN, Running};
use crate::run::signals::Signal;
use crate::run::warm::Warm;
#[cfg(feature = "cron")]
use crate::schedule::Schedule;

/// What a worker does, whatever it is planned to work off.
#[derive(Clone)]
pub(crate) struct Definition {
    pub(crate) kinds: Arc<Kinds>,
    pub(crate) hooks: Arc<Hooks>,
    /// For as long as it is not to end by itself.
    #[cfg(feature = "cron")]
    pub(crate) schedules: Arc<[Schedule]>,
}

/// Who asks a run to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoppedBy {
    /// Whoever sent the process a signal.
    Signal(Signal),
    /// The program that runs it.
    Program,
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
    /// Whether it was asked to end with jobs left to do.
    pub interrupted: bool,
    /// What the end of the pool of warm sessions found. `None` without a pool.
    pub pool: Option<PoolReport>,
}

/// Runs the plan until nothing is left to do, or until `stop`. `show` is called once, when work begins.
///
/// # Errors
///
/// [`Failure`] names what stopped the run. Jobs that were not finished are in the state.
pub(crate) async fn run(
    definition: Definition,
    plan: Plan,
    stop: impl Future<Output = StoppedBy>,
    show: impl FnOnce(RunView),
) -> Result<Ended, Failure> {
    panics::note_places();
    // The input first: a file name that is wrong leaves no state behind.
    let input = plan.jobs.as_ref().map(Input::open).transpose()?;
    let stop = pin!(stop);
    let mut asked = Asking::new(stop);
    let queue = match &plan.queue {
        PlannedQueue::At(address) => {
            let stop = CancellationToken::new();
            let opened = Box::pin(JobQueue::open_until(address, stop.clone()));
            asked.beside(&stop, opened).await?
        }
        PlannedQueue::Open(queue) => queue.clone(),
    };
    #[cfg(feature = "cron")]
    let timetable = {
        let (queue, schedules) = (queue.clone(), Arc::clone(&definition.schedules));
        let goes_on = input.is_none();
        async move {
            if goes_on {
                match timetable::keep(&queue, &schedules).await {}
            }
            std::future::pending().await
        }
    };
    #[cfg(not(feature = "cron"))]
    let timetable = std::future::pending();
    tokio::select! {
        biased;
        ended = work_on(&queue, definition, plan, input, asked, show) => ended,
        ended = timetable => ended,
    }
}

/// Works a queue off, whichever it is.
async fn work_on(
    queue: &JobQueue,
    definition: Definition,
    plan: Plan,
    input: Option<Input>,
    asked: Asking<'_, impl Future<Output = StoppedBy>>,
    show: impl FnOnce(RunView),
) -> Result<Ended, Failure> {
    let (enqueues, stop) = (queue.clone(), queue.stop());
    match queue.opened() {
        Opened::Embedded { queue, state } => {
            let queue = (queue.clone(), enqueues);
            work(
                definition,
                plan,
                input,
                queue,
                Some(state),
                stop,
                asked,
                show,
            )
            .await
        }
        #[cfg(feature = "redis")]
        Opened::Redis(queue) => {
            let queue = (queue.clone(), enqueues);
            work(definition, plan, input, queue, None, stop, asked, show).await
        }
        #[cfg(feature = "postgres")]
        Opened::Postgres(queue) => {
            let queue = (queue.clone(), enqueues);
            work(definition, plan, input, queue, None, stop, asked, show).await
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the two callers differ in the type of the queue alone"
)]
async fn work(
    definition: Definition,
    plan: Plan,
    input: Option<Input>,
    (queue, enqueues): (impl Queue, JobQueue),
    state: Option<&State>,
    stop: CancellationToken,
    mut asked: Asking<'_, impl Future<Output = StoppedBy>>,
    show: impl FnOnce(RunView),
) -> Result<Ended, Failure> {
    let began = Instant::now();
    let name = input.as_ref().map(Input::name);
    // Boxed, since what is done after it is large as well.
    let set_up = Box::pin(Begun::of(&queue, &plan, name, state));
    let Begun {
        results,
        function,
        rejects,
        tally,
        rejected,
        queued,
    } = asked.beside(&stop, set_up).await?;
    let (meter, progress) = Meter::new(Progress {
        queued,
        rejected,
        read_all: input.is_none(),
        tally: tally.clone(),
        ..Progress::default()
    });
    let cancellations = Cancellations::default();
    queue.follow(&meter, &cancellations);
    let (live, failures) = (LiveJobs::new(meter.clone()), RecentFailures::default());
    // Kept here alone: whoever looks on after the end does not keep the queue open.
    let control = RunControl {
        queue: queue.clone(),
        enqueues,
        live: live.clone(),
        failures: failures.clone(),
        cancellations: cancellations.clone(),
        meter: meter.clone(),
        stop: stop.clone(),
    };
    let _control = control.show(progress.clone(), show);

    let (sink, writer) = ResultWriter::new(
        queue.clone(),
        results,
        function,
        tally.clone(),
        meter.clone(),
    );
    let context = plan.context.lazy().drain_timeout(plan.drain_timeout);
    let (warm, context) = Warm::new(plan.pool.unwrap_or(plan.concurrency), context);
    let kinds = Arc::clone(&definition.kinds);
    let shared = Arc::new(Shared {
        context,
        kinds: definition.kinds,
        hooks: definition.hooks,
        retry: plan.retry,
        max_crashes: plan.max_crashes,
        last_chance: Semaphore::new(1),
        sink,
        live,
        failures,
        cancellations,
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
            tokio::spawn(ingest(input, kinds, queue, rejects, meter, stop))
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
        by = asked.by() => Ok(Some(by)),
        ended = running.until_done(&queue, progress.clone()) => ended.map(|()| None),
    };
    running.stop.cancel();
    meter.update(|progress| progress.draining = true);
    let drain = drain_of(&end, plan.drain_timeout);
    let closed = running.close(drain).await;
    let pool = warm.close(CLOSE_WITHIN).await;
    let _ = timeout(CLOSE_WITHIN, queue.close()).await;
    let asked = end?;
    closed?;
    let progress = progress.borrow().clone();
    Ok(Ended {
        interrupted: asked.is_some() && !progress.is_done(),
        progress,
        before: tally,
        duration: began.elapsed(),
        pool,
    })
}

/// What there is of a run before it begins.
struct Begun {
    results: Output,
    function: Option<ResultsFunction>,
    rejects: Output,
    tally: Tally,
    rejected: u64,
    queued: u64,
}

impl Begun {
    async fn of(
        queue: &impl Queue,
        plan: &Plan,
        input: Option<String>,
        state: Option<&State>,
    ) -> Result<Self, Failure> {
        let (dir, sync) = (state.map(State::path), state.is_none_or(State::is_kept));
        let (results, function) = open_results(queue, &plan.results, dir, sync).await?;
        let rejects = open_output(queue, OutputKind::Rejects, &plan.rejects, dir, sync).await?;
        let tally = queue.tally(&results).await?;
        let rejected = match input {
            Some(name) => queue.rejected(&name).await?,
            None => 0,
        };
        let queued = queue.len().await?;
        Ok(Self {
            results,
            function,
            rejects,
            tally,
            rejected,
            queued,
        })
    }
}

/// How long what is under way may go on: at an end that was asked for; and says so to who sent a signal.
fn drain_of(end: &Result<Option<StoppedBy>, Failure>, drain_timeout: Duration) -> Duration {
    let Ok(Some(asked)) = end else {
        return Duration::ZERO;
    };
    if let StoppedBy::Signal(signal) = asked {
        say(&stopping(*signal, drain_timeout));
    }
    drain_timeout
}

fn stopping(signal: Signal, drain: Duration) -> String {
    format!(
        "{}: no further job begins, those under way may finish within {drain:?}; a second signal \
         ends at once\n",
        signal.as_str()
    )
}
