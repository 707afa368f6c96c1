//! The shared queue in a database that many have already: apalis on PostgreSQL, for many processes on many
//! machines.
//!
//! The engine's own table (`apalis.jobs`) holds the jobs, and its own function hands them out. What this program
//! promises is kept by the statements beside it, and by tables of ours in the schema `http_context_worker`. Each
//! commit is one statement, one round trip, and one transaction.
//!
//! # The promise
//!
//! It is that of the queue in Redis: killed at any moment no process loses a job, and a result stands once over
//! all files, each cut to the length that the database has recorded.
//!
//! | a job | stands in `apalis.jobs` as | and gets there by |
//! |---|---|---|
//! | waits for its first attempt | `Pending`, priority 0, `run_at` in the order of its number | `add.sql`, with its id, how far the input was read, and the length of the rejects |
//! | is handed out | `Queued`, `lock_by` a worker that is registered: a foreign key holds that | the engine's `apalis.get_jobs` |
//! | is begun again, after workers ended with it in hand | the same, and `begun` in its metadata | the update of `begin` |
//! | waits until it may be tried again | `Failed`, its attempts used up, `run_at` ahead by the server's clock | `settle.sql`; `take_over.sql`, with one more in `crashes` |
//! | may be tried again | `Pending`, priority 1: before all that was never tried | `keep.sql`, or `settle.sql` without a wait |
//! | was given back by a worker that ended, or lost by one that is gone | the same | the transaction of `release`; that of `take_over` |
//! | has a time of its own, or waits for longer than the longest wait | `Failed`, priority 2: no clock that is set puts it back | `add.sql`, `settle.sql` |
//! | is to run now, or was cancelled while it waits | `Pending`, priority 3: before all others; `cancelled` in its metadata | `bring_forward.sql` |
//! | was cancelled in hand | as it was, and `cancelled` in its metadata, which its worker reads four times a second | the same |
//! | is finished | no row any more; its id stays in `job_id` | `settle.sql`, with the length of the results, their sums and a token |
//!
//! | what happens | the database says | so |
//! |---|---|---|
//! | a reader of jobs is killed before a batch commits | the offset before the batch | started again it reads the batch again |
//! | after it committed | the offset behind it | it goes on there |
//! | the answer to a commit is lost | the batch by its number in its series, the settlement by its token | asked again nothing is done, and the same is said |
//! | two bring one id at the same moment | one of them waits for the other, and is refused by the key | asked again it knows the id |
//! | a worker is killed while it holds jobs | it is their `lock_by`, and its `last_seen` stands still | after the takeover time they go before all that waits, and it is struck off |
//! | a worker is killed or stopped while it is handed jobs | a transaction that is open | the server ends it: at once when the connection goes, otherwise after the takeover time |
//! | a worker is killed while it writes lines, before they are settled | jobs in its hands, the length of its file as before | another one runs the jobs; the lines are cut off when a worker is started again with that file |
//! | what it sent to settle them is on its way for long, and arrives after it was started again | a token of the next one, which opened the file | it is not made, and counts no lines that were cut off |
//! | a worker is stopped for longer than the takeover time, and goes on | its jobs are in other hands, its own row is gone | settling says so, its lines of them are cut off at once; its engine is refused by the foreign key and begins under another name |
//! | a server takes over that was not told of a hand-out, and hands the job to the same worker again | it is in this one's hands | the attempt that ends first is settled, and the other does not count |
//! | the database is away, starts, is full, has no connection left, is locked | nothing | jobs in hand end and wait to be settled, no job begins, and everything goes on when it is back |
//! | it takes no writes, or is another server behind the same address | nothing | the same, and the worker connects anew, to where the address leads now |
//! | it refuses for good (a password, a right, a table) | nothing | the worker says so and ends |
//! | the new server had not got all of the old one's | a shorter length | the worker says so, cuts its file to match, and goes on. With no length at all it ends |
//!
//! All connections of a pool are to one server ([`link`]): settling by turns with one that was replaced and the
//! one that follows it, a worker would cut off lines that only one of them knows.
//!
//! What PostgreSQL acknowledged is as durable as it is set up to be (`synchronous_commit`,
//! `synchronous_standby_names`). What [`queue::redis`](super::redis) says of results files of workers that are
//! never started again, of streams and of what stays holds here too; the length up to which a file counts is in
//! `http_context_worker.output`.
//!
//! # Clocks
//!
//! Whether a worker is gone does not depend on what clock shows which time ([`shared`]). The wait for the next
//! attempt ends by the clock of the server, see [`queue`](crate::queue).
//!
//! # Limits
//!
//! Of the engine, apalis-postgres 1.0:
//!
//! - Its schema is always `apalis`, one for all queues of a database, and for what else uses apalis there. Its
//!   table is keyed by task alone, so our numbers come from one sequence for all queues.
//! - Its migrations make the extensions `hstore` and `pgcrypto`, and for a moment a function in the first schema
//!   of the search path: the first to open a queue owns the database, and `hstore` is on everybody's search
//!   path. Those who come later need the rights to read and write the tables of both schemas, and to use the
//!   sequence. Tables that a version before 1.0 made are refused.
//! - It hands jobs out in a transaction of three round trips, up to 64 at a time.
//! - A trigger of it notifies of each job that is queued. Nobody here listens: workers look four times a second, and
//!   at once in the process that queues. Such notifications are committed one transaction at a time, which
//!   limits how many processes can queue at once, and not how many work.
//!
//! Of the client, sqlx 0.9: one host in an address, so that failover is the business of what the address leads to
//! (a proxy, a name, a service); prepared statements, so that a pooler has to give whole sessions and to let
//! `options` pass at the start; and for `sslmode=verify-full` the authorities that Mozilla trusts and those of
//! `sslrootcert`, not those of the system.
//!
//! A worker has up to four connections. A transaction of somebody else that stays open
//! keeps the rows of finished jobs alive, which every look for the next ones has to step over.

mod address;
mod asked;
mod commits;
mod connection;
mod counts;
mod engine;
mod keeper;
mod link;
mod prepare;
mod recorded;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::WorkerError;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use self::address::{PostgresAddress, PostgresUrl};
use self::connection::Connection;
use super::shared::{self, Counted, FreeSeries, RecordedOutputs, Shared, Silence, Workers, host};
use super::{
    Ask, Batch, Cancellations, Disposition, Handler, InputOffset, OutputKind, Queue, QueueError,
    Recorded, Seen, Ticket, Whereabouts,
};
use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::results::output::Output;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// See the module's documentation.
#[derive(Clone)]
pub(crate) struct Postgres(Arc<Inner>);

struct Inner {
    connection: Connection,
    /// The engine's type of job.
    name: String,
    takeover: Duration,
    /// Files are known by their host and path.
    host: String,
    series: FreeSeries,
    recorded: RecordedOutputs,
    workers: Arc<Workers>,
    meter: std::sync::OnceLock<Meter>,
    cancellations: std::sync::OnceLock<Cancellations>,
}

impl Postgres {
    /// Connects to the queue, and makes it where it is not there. `stop` is done when the program is on its
    /// way out.
    pub(crate) async fn open(
        address: &PostgresAddress,
        stop: CancellationToken,
    ) -> Result<Self, QueueError> {
        let connection = Connection::open(&address.url, address.takeover, stop).await?;
        prepare::prepare(&connection, &address.name).await?;
        Ok(Self(Arc::new(Inner {
            connection,
            name: address.name.clone(),
            takeover: address.takeover,
            host: host(),
            series: FreeSeries::default(),
            recorded: RecordedOutputs::default(),
            workers: Arc::default(),
            meter: std::sync::OnceLock::new(),
            cancellations: std::sync::OnceLock::new(),
        })))
    }
}

impl Queue for Postgres {
    const BEGINS_BEHIND: bool = true;

    async fn len(&self) -> Result<u64, QueueError> {
        self.count_unfinished().await
    }

    async fn until_empty(&self, _: watch::Receiver<Progress>) -> Result<(), QueueError> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_empty().await? {
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
        self.find_by_id(id).await
    }

    async fn bring_forward(&self, ticket: Ticket, ask: Ask) -> Result<Whereabouts, QueueError> {
        let found = self.bring_forward_in_one(ticket, ask).await?;
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
        let known = self.add_in_one(batch).await?;
        self.0.workers.wake();
        Ok(known)
    }

    async fn settle(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<Vec<Ticket>, QueueError> {
        self.settle_in_one(dispositions, results_length, tally)
            .await
    }

    async fn begin(&self, ticket: Ticket) -> Result<bool, QueueError> {
        self.begin_in_one(ticket).await
    }

    async fn resume(&self, results: &Output) -> Result<Option<(u64, Tally)>, QueueError> {
        let record = self.record_of(results.name()).await?;
        // What was settled and is forgotten is in this process's hands again.
        self.0.workers.begin_anew();
        Ok(record)
    }

    async fn close(&self) {
        shared::give_back(self).await;
        self.0.connection.link().close().await;
    }

    async fn work<H: Handler>(
        &self,
        handler: H,
        concurrency: usize,
        stop: CancellationToken,
    ) -> QueueError {
        tokio::select! {
            ended = shared::work(self, handler, concurrency, stop) => ended,
            never = counts::follow(self) => never,
        }
    }
}

impl Shared for Postgres {
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
        self.keep_once(silence).await
    }

    async fn release(&self, worker: &str, in_hand: &[Ticket]) -> Result<u64, QueueError> {
        self.release_once(worker, in_hand).await
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
