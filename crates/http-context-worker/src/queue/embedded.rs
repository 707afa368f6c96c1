//! The embedded queue: apalis on `SQLite`, in one file of the state directory.
//!
//! The engine's own tables and ours share the file, so that one transaction covers both. Three things are done
//! otherwise than apalis would by itself, each because one process owns the file:
//!
//! - **Acknowledging.** apalis acknowledges after the handler returned, in a transaction of its own. Here that is
//!   turned off (`persist_results`), and [`Embedded::settle`] takes the job out of the engine's table together
//!   with the books. A finished job is deleted, not kept as done: its headers and its body hold secrets.
//! - **Orphans.** apalis gives the jobs of a lost worker back when its heartbeats have been missing for a minute,
//!   and counts the loss as an attempt. The lock on the state says that the former worker is gone, so opening
//!   the queue releases its jobs at once, and their attempts stay what they were.
//! - **One connection.** `SQLite` has one writer at a time. With one connection the engine, the ingest and the
//!   ledger take turns in the order in which they ask; with several they would find the file busy and sleep.
//!
//! Ids are kept for as long as the state is, in one b-tree keyed by the id. That costs disk, about the length of
//! an id and ten bytes for each job, and no memory but the database's page cache, which is bounded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, ParallelizeExt, WorkerBuilder, WorkerContext, WorkerError};
use apalis_sqlite::queries::push_tasks;
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::tasks::{Label, task, task_id};
use super::wake::{Wake, Waker, wake};
use super::{Batch, Fate, Handler, InputPlace, OutputKind, Queue, QueueError, Seen, Ticket, Turn};
use crate::job::Job;
use crate::tally::Tally;

/// The engine's name for our kind of task.
const QUEUE: &str = "http-context-job";

/// The format of our own tables.
const FORMAT: i64 = 1;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS worker_job_id (
        id TEXT NOT NULL PRIMARY KEY, line INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS worker_input (
        name TEXT NOT NULL PRIMARY KEY, offset INTEGER NOT NULL, line INTEGER NOT NULL,
        complete INTEGER NOT NULL, prefix BLOB NOT NULL, rejected INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS worker_output (
        kind TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL, length INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS worker_books (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), next_ticket INTEGER NOT NULL, tally TEXT NOT NULL
    );
    INSERT OR IGNORE INTO worker_books VALUES (1, 1, '{}');
";

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    path: PathBuf,
    pool: SqlitePool,
    waker: Waker,
    /// Taken by the one worker.
    told: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
}

impl Embedded {
    /// Opens the database, makes it when it is not there, and releases what a former run had handed out. The
    /// caller holds the lock of the state. `kept` is whether the state outlives this run.
    pub(crate) async fn open(path: &Path, kept: bool) -> Result<Self, QueueError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if kept {
                // A commit survives the process. After a power cut the last ones may be missing, never half there.
                SqliteSynchronous::Normal
            } else {
                SqliteSynchronous::Off
            })
            .pragma("cache_size", "-32768")
            .pragma("temp_store", "MEMORY")
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
        let (waker, told) = wake();
        let queue = Self {
            path: path.to_path_buf(),
            pool,
            waker,
            told: Arc::new(Mutex::new(Some(told))),
        };
        queue.prepare().await?;
        Ok(queue)
    }

    async fn prepare(&self) -> Result<(), QueueError> {
        let unreadable = |error: sqlx::Error| unreadable(&self.path, &error);
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&self.pool)
            .await
            .map_err(unreadable)?;
        if found > FORMAT {
            return Err(QueueError::Newer {
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
        sqlx::raw_sql("PRAGMA user_version = 1")
            .execute(&mut *tx)
            .await
            .map_err(unreadable)?;
        sqlx::query(
            "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL WHERE lock_by IS NOT NULL",
        )
        .execute(&mut *tx)
        .await
        .map_err(unreadable)?;
        sqlx::query("DELETE FROM Workers")
            .execute(&mut *tx)
            .await
            .map_err(unreadable)?;
        tx.commit().await.map_err(unreadable)
    }

    fn failed(&self, error: &sqlx::Error) -> QueueError {
        QueueError::Failed {
            path: self.path.clone(),
            reason: reason(error),
        }
    }

    async fn add_in_transaction(&self, batch: &Batch) -> Result<(), Failed> {
        let mut tx = self.pool.begin().await?;
        let first: i64 = sqlx::query_scalar(
            "UPDATE worker_books SET next_ticket = next_ticket + ?1 RETURNING next_ticket - ?1",
        )
        .bind(signed(batch.jobs.len() as u64))
        .fetch_one(&mut *tx)
        .await?;
        let ids: Vec<Seen> = batch
            .jobs
            .iter()
            .map(|(line, job)| Seen {
                id: job.id.clone(),
                line: *line,
            })
            .collect();
        sqlx::query(
            "INSERT INTO worker_job_id (id, line) \
             SELECT value ->> 'id', value ->> 'line' FROM json_each(?1)",
        )
        .bind(serde_json::to_string(&ids)?)
        .execute(&mut *tx)
        .await?;
        let tasks = batch
            .jobs
            .iter()
            .zip(unsigned(first)..)
            .map(|((_, job), ticket)| task(Ticket(ticket), job))
            .collect::<Result<Vec<_>, _>>()?;
        push_tasks(&mut *tx, QUEUE, &tasks)
            .await
            .map_err(|error| Failed(error.to_string()))?;
        let place = &batch.place;
        sqlx::query("INSERT OR REPLACE INTO worker_input VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(&batch.input)
            .bind(signed(place.offset))
            .bind(signed(place.line))
            .bind(place.complete)
            .bind(&place.prefix)
            .bind(signed(place.rejected))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE worker_output SET length = ?1 WHERE kind = ?2")
            .bind(signed(batch.rejects_length))
            .bind(OutputKind::Rejects.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Returns how many of the finished jobs the queue did not hold; nothing is committed if there are any.
    async fn settle_in_transaction(
        &self,
        fates: &[(Ticket, Fate)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<u64, Failed> {
        let mut tx = self.pool.begin().await?;
        let done: Vec<String> = fates
            .iter()
            .filter(|(_, fate)| *fate == Fate::Done)
            .map(|(ticket, _)| task_id(*ticket).to_string())
            .collect();
        if !done.is_empty() {
            let gone =
                sqlx::query("DELETE FROM Jobs WHERE id IN (SELECT value FROM json_each(?1))")
                    .bind(serde_json::to_string(&done)?)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
            if gone != done.len() as u64 {
                return Ok((done.len() as u64).saturating_sub(gone));
            }
        }
        for (ticket, fate) in fates {
            if let Fate::Again {
                attempts,
                not_before,
            } = fate
            {
                sqlx::query(
                    "UPDATE Jobs SET status = 'Pending', attempts = ?1, run_at = ?2, lock_by = NULL, \
                     lock_at = NULL WHERE id = ?3",
                )
                .bind(attempts)
                .bind(signed(*not_before))
                .bind(task_id(*ticket).to_string())
                .execute(&mut *tx)
                .await?;
            }
        }
        sqlx::query("UPDATE worker_books SET tally = ?1")
            .bind(serde_json::to_string(tally)?)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE worker_output SET length = ?1 WHERE kind = ?2")
            .bind(signed(results_length))
            .bind(OutputKind::Results.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(0)
    }
}

impl Queue for Embedded {
    async fn len(&self) -> Result<u64, QueueError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE job_type = ?1")
            .bind(QUEUE)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(unsigned(count))
    }

    async fn tally(&self) -> Result<Tally, QueueError> {
        let text: String = sqlx::query_scalar("SELECT tally FROM worker_books")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
        serde_json::from_str(&text).map_err(|error| QueueError::Open {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }

    async fn input(&self, name: &str) -> Result<InputPlace, QueueError> {
        let row = sqlx::query(
            "SELECT offset, line, complete, prefix, rejected FROM worker_input WHERE name = ?1",
        )
        .bind(name)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        let Some(row) = row else {
            return Ok(InputPlace::default());
        };
        let read = || -> Result<InputPlace, sqlx::Error> {
            Ok(InputPlace {
                offset: unsigned(row.try_get(0)?),
                line: unsigned(row.try_get(1)?),
                complete: row.try_get(2)?,
                prefix: row.try_get(3)?,
                rejected: unsigned(row.try_get(4)?),
            })
        };
        read().map_err(|error| self.failed(&error))
    }

    async fn has_unread_input(&self) -> Result<bool, QueueError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM worker_input WHERE NOT complete)")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn rejected(&self) -> Result<u64, QueueError> {
        let count: i64 = sqlx::query_scalar("SELECT coalesce(sum(rejected), 0) FROM worker_input")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(unsigned(count))
    }

    async fn output(&self, kind: OutputKind) -> Result<Option<(String, u64)>, QueueError> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT target, length FROM worker_output WHERE kind = ?1")
                .bind(kind.as_str())
                .fetch_optional(&self.pool)
                .await
                .map_err(|error| self.failed(&error))?;
        Ok(row.map(|(target, length)| (target, unsigned(length))))
    }

    async fn begin_output(&self, kind: OutputKind, target: &str) -> Result<(), QueueError> {
        sqlx::query("INSERT OR REPLACE INTO worker_output VALUES (?1, ?2, 0)")
            .bind(kind.as_str())
            .bind(target)
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

    async fn add(&self, batch: &Batch) -> Result<(), QueueError> {
        self.add_in_transaction(batch)
            .await
            .map_err(|Failed(reason)| QueueError::Failed {
                path: self.path.clone(),
                reason,
            })?;
        self.waker.wake();
        Ok(())
    }

    async fn settle(
        &self,
        fates: &[(Ticket, Fate)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<(), QueueError> {
        match self
            .settle_in_transaction(fates, results_length, tally)
            .await
        {
            Ok(0) => Ok(()),
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

    async fn work<H: Handler>(
        &self,
        handler: H,
        concurrency: usize,
        stop: CancellationToken,
    ) -> QueueError {
        let Some(told) = self.told.lock().ok().and_then(|mut told| told.take()) else {
            return QueueError::Engine("it was started twice".to_owned());
        };
        let config = Config::default()
            .queue(QUEUE)
            .batch_size(concurrency.clamp(16, 128))
            .persist_results(false)
            .lock_tasks(false);
        let backend = SqliteStorage::<Job>::new(&self.pool)
            .with_config(config)
            .poll_with_strategy(Wake::new(told));
        let context = WorkerContext::new(&format!("worker-{}", std::process::id()));
        // The limit stands outside the spawn, so that a job holds its slot until it is settled.
        let worker = WorkerBuilder::new(&context)
            .backend(backend)
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .build(move |job: Job, label: Label| {
                let handler = handler.clone();
                async move {
                    handler
                        .handle(Turn {
                            ticket: label.ticket,
                            attempt: label.attempt,
                            job,
                        })
                        .await;
                }
            });
        // Boxed where its type is known: the compiler cannot see through it that it is `Send`.
        let mut run: BoxFuture<'static, Result<(), WorkerError>> = worker.run().boxed();
        tokio::select! {
            biased;
            ended = &mut run => return engine_error(ended),
            () = stop.cancelled() => {}
        }
        // Paused, the engine takes no job but still finishes its housekeeping. It is not stopped: stopping counts
        // the jobs that were fetched and not started as attempted.
        let _ = context.pause();
        engine_error(run.await)
    }
}

fn engine_error<E: std::fmt::Display>(ended: Result<(), E>) -> QueueError {
    QueueError::Engine(match ended {
        Ok(()) => "it was told to stop".to_owned(),
        Err(error) => error.to_string(),
    })
}

/// A failed transaction, in words.
struct Failed(String);

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(reason(&error))
    }
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

fn unreadable(path: &Path, error: &sqlx::Error) -> QueueError {
    QueueError::Open {
        path: path.to_path_buf(),
        reason: reason(error),
    }
}

/// What the database said, without the library's words around it.
fn reason(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => database.message().to_owned(),
        None => error.to_string(),
    }
}

/// `SQLite`'s integers are signed; nothing here comes near the end of either range.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
