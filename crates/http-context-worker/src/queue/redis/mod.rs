//! The shared queue: apalis on Redis, for many processes on many machines.
//!
//! The engine's own structures hold the jobs, and its own script hands them out. What this program
//! promises is kept by four scripts beside it, each of which Redis runs as a whole: [`scripts`].
//!
//! # The promise
//!
//! Several processes work on one queue, each with a results file of its own. Killed at any moment,
//! none loses a job: a second after the takeover time ([`Redis::open`]) at the latest its jobs are handed to the others.
//! And a result stands once over all files, each cut to the length that the queue has recorded.
//!
//! | what happens | the queue says | so |
//! |---|---|---|
//! | a reader of jobs is killed before a batch commits | the offset before the batch | started again it reads the batch again |
//! | after it committed | the offset behind it | it goes on there |
//! | what it sent is on its way for long, and arrives after the next one has opened its file of rejects | a token of the next one | it is not made: no line that was cut off is counted, and no job queued that is read again |
//! | the answer to a commit is lost | the batch or settlement by its number | asked again it says the same |
//! | a worker is killed while it holds jobs | they are in its hands, and it is silent | after the takeover time they go to the front of the queue |
//! | a worker is killed while it writes lines, before they are settled | the same, and the length of its file as before | another one runs the jobs; the lines are past the recorded length, and are cut off when a worker is started again with that file |
//! | what it sent to settle them is on its way for long, and arrives after it was started again | a token of the next one, which opened the file | it is not made, and counts no lines that were cut off |
//! | after they were settled | the jobs are gone, the lines are part of the file | nothing is left to do |
//! | a worker is stopped for longer than the takeover time, and goes on | its jobs are in other hands | settling says so, its lines of them are cut off at once, and their results stand with the others |
//! | a server takes over that was not told of a hand-out, and hands the job to the same worker again | it is in this one's hands | the attempt that ends first is settled, and the other does not count |
//! | a job ends each worker that has it in hand | how many that were, with the job | after `--max-crashes` of them it fails as poisoned |
//! | Redis is away, or refuses for a moment (it saves, loads, is full, is busy, lost its replicas) | nothing | jobs in hand end and wait to be settled, no job begins, and everything goes on when it is back |
//! | Redis says that it is a replica by now, or says nothing | nothing | the same, and the worker connects anew, to where the address leads now |
//! | Redis refuses for good (a password, a permission, a command) | nothing | the worker says so and ends |
//! | Redis comes back with an older state, or the new master had not got all of the old one's | a shorter length | the worker says so, cuts its file to match, and goes on: the jobs behind that are in the queue again. With no length at all it ends |
//!
//! One window is left to whoever reads the files: a worker that was killed between writing and
//! settling, and was *never started again* with its file, leaves lines there which stand in another
//! file too. The length up to which a file counts is in the field `length` of
//! `QUEUE:results:HOST:PATH`. A stream (standard output, a pipe) cannot be cut at all.
//!
//! A job may run twice, as with the embedded queue. What Redis acknowledged is as durable as it is
//! set up to be (`appendonly`, `appendfsync`).
//!
//! # What stays
//!
//! A finished job leaves its id, in the hash `QUEUE:ids`, so that it is not queued twice.
//!
//! # Clocks
//!
//! Whether a worker is gone does not depend on what clock shows which time ([`shared`]). The wait for
//! the next attempt ends by the clock of Redis, see [`queue`](crate::queue).

mod address;
mod asked;
mod commits;
mod connection;
mod engine;
mod keeper;
mod keys;
mod link;
mod refusal;
mod scripts;

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::WorkerError;
use futures_util::future::BoxFuture;
use redis::AsyncCommands as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use self::address::RedisUrl;
use self::connection::Connection;
use self::keys::Keys;
use self::link::Link;
use super::shared::{
    self, Counted, FreeSeries, Patience, RecordedOutputs, Shared, Silence, Workers, host,
};
use super::{
    Ask, Batch, Cancellations, Disposition, Handler, InputOffset, OutputKind, Queue, QueueError,
    Recorded, Seen, Ticket, Whereabouts,
};
use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::results::output::Output;

/// The format of what is ours.
const FORMAT: i64 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where a queue in a Redis is.
#[derive(Clone, Debug)]
pub struct RedisAddress {
    /// Which Redis.
    pub url: RedisUrl,
    /// The name of the queue: the first part of each key.
    pub name: String,
    /// How long a worker may be silent before its jobs are taken over, within a second more. Whole seconds, at
    /// least 1.
    pub takeover: Duration,
}

/// See the module's documentation.
#[derive(Clone)]
pub(crate) struct Redis(Arc<Inner>);

struct Inner {
    connection: Connection,
    keys: Keys,
    takeover: Duration,
    /// Files are known by their host and path.
    host: String,
    series: FreeSeries,
    recorded: RecordedOutputs,
    workers: Arc<Workers>,
    meter: std::sync::OnceLock<Meter>,
    cancellations: std::sync::OnceLock<Cancellations>,
}

impl Redis {
    /// Connects to the queue. `stop` is done when the program is on its way out.
    pub(crate) async fn open(
        address: &RedisAddress,
        stop: CancellationToken,
    ) -> Result<Self, QueueError> {
        let connection = Connection::open(&address.url, stop).await?;
        let keys = Keys::new(&address.name);
        let found: i64 = connection
            .ask(Patience::TenSeconds, |mut redis| {
                let key = keys.format();
                async move {
                    let _: bool = redis.set_nx(&key, FORMAT).await?;
                    redis.get(&key).await
                }
            })
            .await?;
        if found != FORMAT {
            return Err(QueueError::Refused {
                queue: address.url.to_string(),
                reason: format!(
                    "{} was made by another version of this program (format {found}, this one \
                     knows {FORMAT})",
                    address.name
                ),
            });
        }
        Ok(Self(Arc::new(Inner {
            connection,
            keys,
            takeover: address.takeover,
            host: host(),
            series: FreeSeries::default(),
            recorded: RecordedOutputs::default(),
            workers: Arc::default(),
            meter: std::sync::OnceLock::new(),
            cancellations: std::sync::OnceLock::new(),
        })))
    }

    fn on_this_host(&self, name: &str) -> String {
        format!("{}:{name}", self.0.host)
    }
}

impl Queue for Redis {
    const BEGINS_BEHIND: bool = true;

    async fn len(&self) -> Result<u64, QueueError> {
        let key = self.0.keys.data();
        let ask = |mut redis: Link| {
            let key = key.clone();
            async move { redis.hlen(key).await }
        };
        self.0.connection.ask(Patience::OfAWorker, ask).await
    }

    async fn until_empty(&self, _: watch::Receiver<Progress>) -> Result<(), QueueError> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.len().await? > 0 {
            look.tick().await;
        }
        Ok(())
    }

    fn follow(&self, meter: &Meter, cancellations: &Cancellations) {
        // A run begins once: there is nothing to replace.
        let _ = self.0.meter.set(meter.clone());
        let _ = self.0.cancellations.set(cancellations.clone());
    }

    async fn find(&self, id: &str) -> Result<Option<Ticket>, QueueError> {
        self.find_by_script(id).await
    }

    async fn bring_forward(&self, ticket: Ticket, ask: Ask) -> Result<Whereabouts, QueueError> {
        let found = self.bring_forward_by_script(ticket, ask).await?;
        if found == Whereabouts::Waits {
            self.0.workers.wake();
        }
        Ok(found)
    }

    async fn tally(&self, results: &Output) -> Result<Tally, QueueError> {
        // A stream begins with the process, and others may write to one of the same name.
        if results.is_stream() {
            return Ok(Tally::default());
        }
        self.recorded_sums(results.name()).await
    }

    async fn input(&self, name: &str) -> Result<InputOffset, QueueError> {
        self.recorded_offset(name).await
    }

    async fn rejected(&self, input: &str) -> Result<u64, QueueError> {
        Ok(self.recorded_offset(input).await?.rejected)
    }

    async fn output(&self, kind: OutputKind, target: &str) -> Result<Recorded, QueueError> {
        self.recorded_length(kind, target).await
    }

    async fn begin_output(
        &self,
        kind: OutputKind,
        target: &str,
        length: u64,
    ) -> Result<(), QueueError> {
        self.record_length(kind, target, length).await
    }

    async fn seen(&self, ids: &[&str]) -> Result<Vec<Seen>, QueueError> {
        self.known(ids).await
    }

    async fn add(&self, batch: &Batch) -> Result<Vec<Seen>, QueueError> {
        let known = self.add_by_script(batch).await?;
        self.0.workers.wake();
        Ok(known)
    }

    async fn settle(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<Vec<Ticket>, QueueError> {
        self.settle_by_script(dispositions, results_length, tally)
            .await
    }

    async fn begin(&self, ticket: Ticket) -> Result<bool, QueueError> {
        self.begin_by_script(ticket).await
    }

    async fn resume(&self, results: &Output) -> Result<Option<(u64, Tally)>, QueueError> {
        let record = self.record_of(results.name()).await?;
        // What was settled and is forgotten is in this process's hands again.
        self.0.workers.begin_anew();
        Ok(record)
    }

    async fn close(&self) {
        shared::give_back(self).await;
    }

    async fn work<H: Handler>(
        &self,
        handler: H,
        concurrency: usize,
        stop: CancellationToken,
    ) -> QueueError {
        shared::work(self, handler, concurrency, stop).await
    }
}

impl Shared for Redis {
    fn workers(&self) -> &Arc<Workers> {
        &self.0.workers
    }

    fn shown(&self) -> String {
        self.0.connection.url().to_string()
    }

    fn take_trouble(&self) -> bool {
        self.0.connection.link().take_trouble()
    }

    async fn keep(&self, silence: &mut Silence) -> Result<(), QueueError> {
        self.keep_by_script(silence).await
    }

    async fn release(&self, worker: &str, in_hand: &[Ticket]) -> Result<u64, QueueError> {
        self.release_by_script(worker, in_hand).await
    }

    fn engine<H: Handler>(
        &self,
        name: &str,
        woken: mpsc::Receiver<()>,
        handler: Counted<H>,
        concurrency: usize,
    ) -> BoxFuture<'static, Result<(), WorkerError>> {
        self.apalis_worker(name, woken, handler, concurrency)
    }

    fn passes(error: &WorkerError) -> bool {
        engine::passes(error)
    }
}
