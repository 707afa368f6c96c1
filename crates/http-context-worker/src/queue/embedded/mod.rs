//! The embedded queue: apalis on `SQLite`, in one file of the state directory.
//!
//! The engine's own tables and ours share the file, so that one transaction covers both. Three
//! things are done otherwise than apalis would by itself, each because one process owns the file:
//!
//! - **Acknowledging.** apalis acknowledges after the handler returned, in a transaction of its
//!   own. Here that is turned off (`persist_results`), and [`Embedded::settle`] takes the job out
//!   of the engine's table together with what is recorded. A finished job is deleted, not kept as done,
//!   and its pages are overwritten: its headers and its body hold secrets.
//! - **Orphans.** apalis gives the jobs of a lost worker back when its heartbeats have been missing
//!   for a minute, and counts the loss as an attempt. The lock on the state says that the former
//!   worker is gone, so opening the queue releases its jobs at once; their attempts stay what they
//!   were, and that a worker ended with them in hand is counted beside ([`handed_out`]).
//! - **One connection.** `SQLite` has one writer at a time. With one connection the engine, the
//!   ingest and the writer of results take turns in the order in which they ask; with several they would find
//!   the file busy and sleep.
//!
//! Ids are kept for as long as the state is, in one b-tree keyed by the id. That costs disk, about
//! the length of an id and ten bytes for each job, and no memory but the database's page cache,
//! which is bounded.

mod asked;
mod clock;
mod commits;
mod engine;
mod handed_out;
mod prepare;
mod scheduled;
mod sqlite;
mod state;

pub(crate) use self::state::State;
pub use self::state::StateError;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::handed_out::{Blame, release};
use self::scheduled::Scheduled;
use self::sqlite::{Failed, reason, signed, unreadable, unsigned};
use super::wake::{Waker, wake};
use super::{
    Ask, Batch, Cancellations, Disposition, Handler, InputOffset, OutputKind, Queue, QueueError,
    Recorded, Seen, Ticket, Whereabouts,
};
use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::results::output::Output;

/// The end of a run is seen at once; this is for when the meter does not show it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The engine's name for our kind of task.
const QUEUE: &str = "http-context-job";
/// And for those whose time has not come: the engine hands none of them out.
const SCHEDULED: &str = "http-context-scheduled-job";

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    path: PathBuf,
    pool: SqlitePool,
    waker: Waker,
    /// Taken by the one worker.
    woken: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
    scheduled: Scheduled,
    cancellations: Arc<OnceLock<Cancellations>>,
}

impl Embedded {
    /// Opens the database, makes it when it is not there, and releases what a former run had handed
    /// out. The caller holds the lock of the state. `kept` is whether the state outlives this run.
    pub(crate) async fn open(path: &Path, kept: bool) -> Result<Self, QueueError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if kept {
                // A commit survives the process. After a power cut the last ones may be missing,
                // never half there.
                SqliteSynchronous::Normal
            } else {
                SqliteSynchronous::Off
            })
            .pragma("cache_size", "-32768")
            .pragma("temp_store", "MEMORY")
            .pragma("secure_delete", "ON")
            .pragma("journal_size_limit", "67108864")
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_mins(10))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| unreadable(path, &error))?;
        let (waker, woken) = wake();
        let queue = Self {
            path: path.to_path_buf(),
            pool,
            waker,
            woken: Arc::new(Mutex::new(Some(woken))),
            scheduled: Scheduled::default(),
            cancellations: Arc::default(),
        };
        queue.prepare().await?;
        Ok(queue)
    }

    /// Whether any input was begun and not read to its end.
    async fn has_unread_input(&self) -> Result<bool, QueueError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM worker_input WHERE NOT complete)")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn is_empty(&self) -> Result<bool, QueueError> {
        sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM Jobs)")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))
    }

    /// Jobs were queued that come from no input.
    pub(crate) fn queued_beside(&self, jobs: u64) {
        if let Some(meter) = self.scheduled.meter() {
            meter.update(|progress| progress.queued += jobs);
        }
    }

    fn failed(&self, error: &sqlx::Error) -> QueueError {
        QueueError::Failed {
            path: self.path.clone(),
            reason: reason(error),
        }
    }
}

impl Queue for Embedded {
    const BEGINS_BEHIND: bool = false;

    async fn until_empty(&self, mut progress: watch::Receiver<Progress>) -> Result<(), QueueError> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Nobody else takes jobs: the meter knows of each, but for those that come from no input and
            // were queued just when the run began. So it says when to look, and the look decides.
            tokio::select! {
                biased;
                _ = progress.wait_for(Progress::is_done) => {}
                _ = look.tick() => {}
            }
            if self.is_empty().await? {
                return Ok(());
            }
            look.tick().await;
        }
    }

    fn follow(&self, meter: &Meter, cancellations: &Cancellations) {
        self.scheduled.follow(meter);
        // A run begins once: there is nothing to replace.
        let _ = self.cancellations.set(cancellations.clone());
    }

    async fn find(&self, id: &str) -> Result<Option<Ticket>, QueueError> {
        asked::find(&self.pool, id)
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn bring_forward(&self, ticket: Ticket, ask: Ask) -> Result<Whereabouts, QueueError> {
        let found = self
            .bring_forward_at_once(ticket, ask)
            .await
            .map_err(|error| self.failed(&error))?;
        match (found, ask, self.cancellations.get()) {
            (Whereabouts::Waits, ..) => self.waker.wake(),
            // The engine has fetched it and keeps it until there is a place, as a rule.
            (Whereabouts::InHand, Ask::Cancel, Some(cancellations))
                if !cancellations.cancel_fetched(ticket) =>
            {
                return Ok(Whereabouts::Waits);
            }
            _ => {}
        }
        Ok(found)
    }

    async fn len(&self) -> Result<u64, QueueError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM Jobs")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(unsigned(count))
    }

    async fn tally(&self, _: &Output) -> Result<Tally, QueueError> {
        let text: String = sqlx::query_scalar("SELECT tally FROM worker_totals")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
        serde_json::from_str(&text).map_err(|error| QueueError::Open {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }

    async fn input(&self, name: &str) -> Result<InputOffset, QueueError> {
        let row = sqlx::query(
            "SELECT bytes, lines, complete, digest, unended, rejected FROM worker_input WHERE name = ?1",
        )
        .bind(name)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        let Some(row) = row else {
            return Ok(InputOffset::default());
        };
        let read = || -> Result<InputOffset, sqlx::Error> {
            Ok(InputOffset {
                bytes: unsigned(row.try_get(0)?),
                lines: unsigned(row.try_get(1)?),
                complete: row.try_get(2)?,
                digest: row.try_get(3)?,
                unended: unsigned(row.try_get(4)?),
                rejected: unsigned(row.try_get(5)?),
            })
        };
        read().map_err(|error| self.failed(&error))
    }

    async fn rejected(&self, _: &str) -> Result<u64, QueueError> {
        let count: i64 = sqlx::query_scalar("SELECT coalesce(sum(rejected), 0) FROM worker_input")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(unsigned(count))
    }

    async fn output(&self, kind: OutputKind, target: &str) -> Result<Recorded, QueueError> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT target, length FROM worker_output WHERE kind = ?1")
                .bind(kind.as_str())
                .fetch_optional(&self.pool)
                .await
                .map_err(|error| self.failed(&error))?;
        Ok(match row {
            Some((before, length)) if before == target => Recorded::Length(unsigned(length)),
            Some((before, _))
                if kind == OutputKind::Results
                    && (self.len().await? > 0 || self.has_unread_input().await?) =>
            {
                Recorded::NotFinished(before)
            }
            _ => Recorded::Unknown,
        })
    }

    async fn begin_output(
        &self,
        kind: OutputKind,
        target: &str,
        length: u64,
    ) -> Result<(), QueueError> {
        sqlx::query("INSERT OR REPLACE INTO worker_output VALUES (?1, ?2, ?3)")
            .bind(kind.as_str())
            .bind(target)
            .bind(signed(length))
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(|error| self.failed(&error))
    }

    async fn seen(&self, ids: &[&str]) -> Result<Vec<Seen>, QueueError> {
        let ids = serde_json::to_string(ids).unwrap_or_default();
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT id, line FROM worker_job_id WHERE id IN (SELECT value FROM json_each(?1))",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        Ok(rows
            .into_iter()
            .map(|(id, line)| Seen {
                id,
                line: unsigned(line),
            })
            .collect())
    }

    async fn add(&self, batch: &Batch) -> Result<Vec<Seen>, QueueError> {
        let is_in = self
            .add_in_transaction(batch)
            .await
            .map_err(|Failed(reason)| QueueError::Failed {
                path: self.path.clone(),
                reason,
            })?;
        if !is_in {
            let ids: Vec<&str> = batch.jobs.iter().map(|(_, job)| job.id.as_str()).collect();
            return self.seen(&ids).await;
        }
        self.waker.wake();
        Ok(Vec::new())
    }

    async fn settle(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<Vec<Ticket>, QueueError> {
        match self
            .settle_in_transaction(dispositions, results_length, tally)
            .await
        {
            Ok(0) => Ok(Vec::new()),
            Ok(missing) => Err(QueueError::Miscounted {
                path: self.path.clone(),
                missing,
            }),
            Err(Failed(reason)) => Err(QueueError::Failed {
                path: self.path.clone(),
                reason,
            }),
        }
    }

    async fn begin(&self, ticket: Ticket) -> Result<bool, QueueError> {
        handed_out::begin(&self.pool, ticket)
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn resume(&self, _: &Output) -> Result<Option<(u64, Tally)>, QueueError> {
        // It is this process's alone, and forgets nothing while that runs.
        Ok(None)
    }

    async fn close(&self) {
        // What cannot be given back is released by the next run, which counts this one as crashed.
        let _ = release(&self.pool, Blame::Nothing).await;
        self.pool.close().await;
    }

    async fn work<H: Handler>(
        &self,
        handler: H,
        concurrency: usize,
        stop: CancellationToken,
    ) -> QueueError {
        let woken = self.woken.lock().take();
        match woken {
            Some(woken) => engine::work(self, woken, handler, concurrency, stop).await,
            None => QueueError::Engine("it was started twice".to_owned()),
        }
    }
}
