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

mod clock;
mod commits;
mod engine;
mod handed_out;
mod sqlite;
mod state;

pub(crate) use self::state::State;
pub use self::state::StateError;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apalis_sqlite::SqliteStorage;
use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::handed_out::{Blame, release};
use self::sqlite::{Failed, reason, signed, unreadable, unsigned};
use super::wake::{Waker, wake};
use super::{
    Batch, Disposition, Handler, InputOffset, OutputKind, Queue, QueueError, Recorded, Seen, Ticket,
};
use crate::progress::tally::Tally;
use crate::progress::{Meter, Progress};
use crate::results::output::Output;

/// The engine's name for our kind of task.
const QUEUE: &str = "http-context-job";

/// The format of our own tables.
const FORMAT: i64 = 2;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS worker_job_id (
        id TEXT NOT NULL PRIMARY KEY, line INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS worker_input (
        name TEXT NOT NULL PRIMARY KEY, bytes INTEGER NOT NULL, lines INTEGER NOT NULL,
        complete INTEGER NOT NULL, digest BLOB NOT NULL, unended INTEGER NOT NULL, rejected INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS worker_output (
        kind TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL, length INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS worker_totals (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), next_ticket INTEGER NOT NULL, tally TEXT NOT NULL
    );
    INSERT OR IGNORE INTO worker_totals VALUES (1, 1, '{}');
";

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    path: PathBuf,
    pool: SqlitePool,
    waker: Waker,
    /// Taken by the one worker.
    woken: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
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
        };
        queue.prepare().await?;
        Ok(queue)
    }

    async fn prepare(&self) -> Result<(), QueueError> {
        let unreadable = |error: sqlx::Error| unreadable(&self.path, &error);
        // The client takes it for text, and a damaged one would end its thread.
        let schema: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL")
                .fetch_all(&self.pool)
                .await
                .map_err(unreadable)?;
        if schema.iter().any(|sql| std::str::from_utf8(sql).is_err()) {
            return Err(QueueError::Open {
                path: self.path.clone(),
                reason: "its schema is damaged".to_owned(),
            });
        }
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&self.pool)
            .await
            .map_err(unreadable)?;
        // 0 is a database that is new.
        if ![0, FORMAT].contains(&found) {
            return Err(QueueError::OtherVersion {
                path: self.path.clone(),
                found,
                known: FORMAT,
            });
        }
        SqliteStorage::migrations()
            .run(&self.pool)
            .await
            .map_err(|error| unreadable(error.into()))?;
        let mut tx = self.pool.begin().await.map_err(unreadable)?;
        sqlx::raw_sql(TABLES)
            .execute(&mut *tx)
            .await
            .map_err(unreadable)?;
        sqlx::raw_sql("PRAGMA user_version = 2")
            .execute(&mut *tx)
            .await
            .map_err(unreadable)?;
        // What is handed out still was so when the former run ended without giving it back.
        release(&mut *tx, Blame::WhatBegan)
            .await
            .map_err(unreadable)?;
        sqlx::query("DELETE FROM Workers")
            .execute(&mut *tx)
            .await
            .map_err(unreadable)?;
        tx.commit().await.map_err(unreadable)
    }

    /// Whether any input was begun and not read to its end.
    async fn has_unread_input(&self) -> Result<bool, QueueError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM worker_input WHERE NOT complete)")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))
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
        // Nobody else takes jobs: the meter knows of each. Its sender is held by the writer of results, which
        // is watched elsewhere.
        if progress.wait_for(Progress::is_done).await.is_err() {
            return std::future::pending().await;
        }
        Ok(())
    }

    fn follow(&self, _: &Meter) {}

    async fn len(&self) -> Result<u64, QueueError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE job_type = ?1")
            .bind(QUEUE)
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
        self.add_in_transaction(batch)
            .await
            .map_err(|Failed(reason)| QueueError::Failed {
                path: self.path.clone(),
                reason,
            })?;
        self.waker.wake();
        // One process fills it: no id has become known in between.
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
            Some(woken) => engine::work(&self.pool, woken, handler, concurrency, stop).await,
            None => QueueError::Engine("it was started twice".to_owned()),
        }
    }
}
