//! The queue, and the one promise it makes.
//!
//! Jobs wait in [apalis](https://docs.rs/apalis): its storage holds them, its worker hands them
//! out. [`Queue`] is what the rest of the program knows of it. There are three: [`embedded`], for one
//! process, and `redis` and `postgres`, for many, where the features of those names are on.
//!
//! # The promise
//!
//! What follows is that of the embedded queue; those of the others are described there. Killed at any moment and
//! started again on the same state, the program loses no job and writes no result line twice or
//! torn. It rests on two commits, each one transaction of the database:
//!
//! - [`Queue::add`]: jobs enter the queue, their ids enter the list of known ids, and the input is
//!   recorded as read up to behind them.
//! - [`Queue::settle`]: jobs leave the queue, or go back into it for another attempt, and the
//!   length that the results file now has is recorded.
//!
//! Every moment of a kill falls into one of these windows:
//!
//! | killed | the database says | so the next run |
//! |---|---|---|
//! | while a batch is read and checked | read up to the batch before | reads the batch again |
//! | while rejects are written, before `add` commits | rejects file as long as before | cuts them off, reads the batch again, writes them again |
//! | after `add` committed | read up to here | goes on behind the batch |
//! | while a job waits or runs | the job is in the queue, perhaps handed out | releases it ([`Queue::open`] does) and hands it out again |
//! | while result lines are written, before `settle` commits | results file as long as before, jobs in the queue | cuts the lines off, runs those jobs again |
//! | after `settle` committed | the lines are part of the file, the jobs are gone | has nothing to do for them |
//!
//! So a job may *run* twice, as it must where a crash can fall between sending a request and
//! writing it down; its result stands once. The results file is flushed to the disk before
//! `settle`, so the table also holds for a machine that loses power: the database may then forget
//! its last commits, and the file is cut back to match.

//!
//! # Jobs that end workers
//!
//! A job that makes its worker crash would be handed out again for ever. So the queue counts, for each
//! job, the workers that ended with it in hand; the count goes with the job, over all workers, until
//! an attempt at it comes to an end. A worker that ends in good order gives its jobs back uncounted. From
//! the second time on the job waits before it is handed out again, twice as long each time.
//!
//! # Clocks
//!
//! Waits are counted here, and stand in a queue as the time of a wall clock at which they end: that
//! of this machine with the embedded queue, and that of the server otherwise. Such a clock may be set, either way.
//! Then an attempt may come early, and it comes no later than the longest wait after the clock was
//! set: what lies further ahead is put back to that.
//!
//! # Scheduled jobs
//!
//! A job that has a time of its own ([`RunAt`]), and an attempt that is to come later than the longest
//! wait, are *scheduled*: they wait for that moment of the wall clock, whatever the clock is set to
//! meanwhile. They stand apart from what may run, so that they cost nothing until they are due, and are then
//! handed on to the front of it. That is looked at once a second, or oftener.

mod asked;
mod cancellations;
mod embedded;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod shared;
mod tasks;
mod wake;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use tokio::sync::watch;

use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::results::output::Output;
use crate::run_at::RunAt;

pub(crate) use asked::{Ask, Whereabouts};
pub(crate) use cancellations::{Cancellations, InHand};
pub use embedded::StateError;
pub(crate) use embedded::{Embedded, State};
#[cfg(feature = "postgres")]
pub(crate) use postgres::Postgres;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresAddress, PostgresUrl};
#[cfg(feature = "redis")]
pub(crate) use redis::Redis;
#[cfg(feature = "redis")]
pub use redis::{RedisAddress, RedisUrl};
pub(crate) use tasks::JobText;

/// The number of a job in the queue: jobs start in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// One attempt at a job, as the queue hands it out.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) ticket: Ticket,
    /// 1 for the first attempt.
    pub(crate) number: u32,
    /// How many workers have ended since its last attempt that came to an end, each with the job in
    /// hand.
    pub(crate) crashes: u32,
    /// Whether it was cancelled while it waited: it is not to run.
    pub(crate) is_cancelled: bool,
    /// The job, as JSON.
    pub(crate) job: JobText,
}

/// A job on its way into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueuedJob {
    pub(crate) id: String,
    /// As JSON, in the form in which its kind reads it.
    pub(crate) text: String,
    /// Before when it is not handed out, by the clock of the queue.
    pub(crate) run_at: RunAt,
}

/// How far an input has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputOffset {
    /// Bytes read.
    pub(crate) bytes: u64,
    /// Lines read.
    pub(crate) lines: u64,
    /// Whether its end was reached.
    pub(crate) complete: bool,
    /// A digest of the bytes read, by which a different input of the same name is recognised. The
    /// bytes themselves hold secrets.
    pub(crate) digest: Vec<u8>,
    /// Bytes of the last line read, when it had no end; 0 when it had one.
    pub(crate) unended: u64,
    /// Lines of it that were rejected.
    pub(crate) rejected: u64,
}

/// Where a known id was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) id: String,
    /// 0 where it came from no input.
    pub(crate) line: u64,
}

/// Jobs to be queued in one commit, with what that commit records.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Jobs with their line numbers, 0 for those that come from no input. None of their ids was known
    /// when it was asked for, or it was not asked.
    pub(crate) jobs: Vec<(u64, QueuedJob)>,
    /// `None` for jobs that come from no input.
    pub(crate) read: Option<ReadUpTo>,
}

/// What the commit of a batch records of the input that it was read from.
#[cfg_attr(
    not(any(feature = "postgres", feature = "redis")),
    allow(dead_code, reason = "asked for by queues that processes share")
)]
#[derive(Clone, Debug)]
pub(crate) struct ReadUpTo {
    pub(crate) input: String,
    /// The offset behind the batch.
    pub(crate) offset: InputOffset,
    /// The rejects output, and its length.
    pub(crate) rejects: String,
    pub(crate) rejects_length: u64,
    /// Whether they are a file, which this process has for itself and which is cut to what is recorded.
    pub(crate) rejects_are_cut: bool,
}

/// What becomes of a job after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It leaves the queue; its result line is written.
    Done,
    /// It goes back into the queue and may run again after this wait.
    Again { attempts: u32, wait: Duration },
}

/// The outputs whose lengths the queue records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputKind {
    Results,
    Rejects,
}

impl OutputKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Results => "results",
            Self::Rejects => "rejects",
        }
    }
}

/// Why the queue cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The database cannot be opened: not a database, damaged, or not ours to read.
    #[error("cannot read the queue in {}: {reason}; give another --state", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the database library said.
        reason: String,
    },
    /// The database was written by another version of this program.
    #[error(
        "the queue in {} was made by another version of this program (format {found}, this one knows {known}); \
         give another --state",
        path.display()
    )]
    OtherVersion {
        /// The database file.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The format known.
        known: i64,
    },
    /// A statement failed while the program ran: the disk is full, or the file was taken away.
    #[error("the queue in {} failed: {reason}", path.display())]
    Failed {
        /// The database file.
        path: PathBuf,
        /// What the database library said.
        reason: String,
    },
    /// A job was settled that is not in the queue.
    #[error("the queue in {} lost count of its jobs: {missing} were finished that it does not hold", path.display())]
    Miscounted {
        /// The database file.
        path: PathBuf,
        /// How many.
        missing: u64,
    },
    /// There is no answer.
    #[error("the queue at {queue} does not answer: {reason}")]
    Unreachable {
        /// Its address.
        queue: String,
        /// What the operating system or the client said.
        reason: String,
    },
    /// It answers, and does not do what it is asked for the moment.
    #[error("the queue at {queue} refuses for now: {reason}")]
    RefusesForNow {
        /// Its address.
        queue: String,
        /// What it said.
        reason: String,
    },
    /// It answers with a refusal that stays.
    #[error("the queue at {queue} cannot be used: {reason}")]
    Refused {
        /// Its address.
        queue: String,
        /// What it said.
        reason: String,
    },
    /// What it has recorded is not as this program left it.
    #[error(
        "the queue at {queue} has forgotten what was settled: it was emptied, or is another one now; start \
         again with the same --results, which are cut to match"
    )]
    Forgotten {
        /// Its address.
        queue: String,
    },
    /// The job engine stopped by itself.
    #[error("the job engine stopped: {0}")]
    Engine(String),
}

/// What is recorded of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Its length at the last commit.
    Length(u64),
    /// Nothing, and the results of jobs that are not finished go to this other one.
    NotFinished(String),
    /// Nothing.
    Unknown,
}

/// Where jobs wait: shared by those who fill it, empty it and record what was done.
pub(crate) trait Queue: Clone + Send + Sync + 'static {
    /// Whether an output that is not recorded begins behind what stands in it; otherwise it begins
    /// anew.
    const BEGINS_BEHIND: bool;

    /// How many jobs are in it.
    fn len(&self) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// Waits until no job is in it, given that this process queues none any more.
    fn until_empty(
        &self,
        progress: watch::Receiver<Progress>,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// From now on this meter is updated with what other processes do to it, and jobs that are cancelled
    /// while this process has them in hand are cancelled there.
    fn follow(&self, meter: &Meter, cancellations: &Cancellations);

    /// The number of the job with this id, if it is in the queue. A walk over all jobs that are: for people.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<Ticket>, QueueError>> + Send;

    /// Puts a job that waits before all others, for one reason or the other, in one commit; and says where
    /// it is. One that is cancelled is handed out all the same, and says so ([`Attempt::is_cancelled`]): so
    /// it is settled as every other. One that is in hand is cancelled there.
    fn bring_forward(
        &self,
        ticket: Ticket,
        ask: Ask,
    ) -> impl Future<Output = Result<Whereabouts, QueueError>> + Send;

    /// The sums recorded with the last commit, for this results output.
    fn tally(&self, results: &Output) -> impl Future<Output = Result<Tally, QueueError>> + Send;

    /// How far an input has been read.
    fn input(&self, name: &str) -> impl Future<Output = Result<InputOffset, QueueError>> + Send;

    /// How many lines were rejected so far, where this input counts.
    fn rejected(&self, input: &str) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// What is recorded of an output.
    fn output(
        &self,
        kind: OutputKind,
        target: &str,
    ) -> impl Future<Output = Result<Recorded, QueueError>> + Send;

    /// Records an output that is new, with the length at which it begins.
    fn begin_output(
        &self,
        kind: OutputKind,
        target: &str,
        length: u64,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Which of these ids are known, and from which line.
    fn seen(&self, ids: &[&str]) -> impl Future<Output = Result<Vec<Seen>, QueueError>> + Send;

    /// Takes a batch in, whole or not at all. Not at all when some of its ids have become known
    /// since they were asked for: returns those.
    fn add(&self, batch: &Batch) -> impl Future<Output = Result<Vec<Seen>, QueueError>> + Send;

    /// Records that an attempt begins at a job which was in hand when a worker ended, so that it is
    /// blamed if this one ends too. Whether the job is in this process's hands still.
    ///
    /// A job that is in hand for the first time is blamed without that, and so are jobs that were
    /// fetched and had not begun: a worker that ends does not say which of them it was. Only this
    /// distinguishes a job that ends workers from those beside it, and it costs most jobs nothing.
    fn begin(&self, ticket: Ticket) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// Records what became of jobs, whole or not at all. Not at all when some of them were taken
    /// over by another process: returns those.
    fn settle(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> impl Future<Output = Result<Vec<Ticket>, QueueError>> + Send;

    /// After the queue has forgotten what was settled: where the results and the sums stand in its
    /// record, and from where it is settled on. `None` when nothing is recorded.
    fn resume(
        &self,
        results: &Output,
    ) -> impl Future<Output = Result<Option<(u64, Tally)>, QueueError>> + Send;

    /// Lets go of what backs the queue, so that it is left tidy. Nothing may be asked of it
    /// afterwards.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// Hands jobs out to `handler`, at most `concurrency` at once, until `stop` is done; then hands
    /// out no more and waits to be dropped. Returns only when the engine cannot go on.
    fn work<H: Handler>(
        &self,
        handler: H,
        concurrency: usize,
        stop: tokio_util::sync::CancellationToken,
    ) -> impl Future<Output = QueueError> + Send;
}

/// Does one attempt at a job, and has it settled before it returns.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// Must not be dropped half-way by the queue: each attempt runs as a task of its own.
    fn handle(&self, attempt: Attempt) -> impl Future<Output = ()> + Send;
}
