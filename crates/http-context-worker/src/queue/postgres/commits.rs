//! The commits on which the queue's promise rests, each of which is one statement.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use ulid::Ulid;

use super::Postgres;
use super::connection::Asked;
use crate::progress::tally::Tally;
use crate::queue::shared::Patience;
use crate::queue::tasks::{BEGUN, task_id};
use crate::queue::{Batch, Disposition, OutputKind, QueueError, Seen, Ticket};
use crate::retry::MAX_DELAY;

const ADD: &str = include_str!("add.sql");
const SETTLE: &str = include_str!("settle.sql");

/// The most seconds from 1970, or from now, to a time that the database knows: some hundred thousand years.
const LATEST: i64 = 9_000_000_000_000 / 2;

/// Whoever settles is told so; otherwise he asks why not.
enum Unsettled {
    /// It was, and the answer got lost.
    WasSettled,
    Forgotten,
    /// The record is as long as this process left it, and is another one's by now, or has forgotten whose it is.
    Claimed,
    /// These are in other hands, or in nobody's.
    Others(Vec<Ticket>),
}

impl Postgres {
    /// See [`Queue::add`](crate::queue::Queue::add).
    pub(super) async fn add_in_one(&self, batch: &Batch) -> Result<Vec<Seen>, QueueError> {
        let inner = &self.0;
        let series = inner.series.take();
        let jobs = &batch.jobs;
        let ids: Vec<&[u8]> = jobs.iter().map(|(_, job)| job.id.as_bytes()).collect();
        let lines: Vec<i64> = jobs.iter().map(|(line, _)| signed(*line)).collect();
        let texts: Vec<&[u8]> = jobs.iter().map(|(_, job)| job.text.as_bytes()).collect();
        let times: Vec<i64> = jobs
            .iter()
            .map(|(_, job)| signed(job.run_at.0).min(LATEST))
            .collect();
        let read = batch.read.as_ref();
        let input = match read {
            Some(read) => self.input_name(&read.input),
            None => None,
        };
        let offset = read.map(|read| self.write(&read.offset)).transpose()?;
        let rejects = read.map(|read| self.on_this_host(&read.rejects));
        let rejects_length = read.map(|read| signed(read.rejects_length));
        let known = loop {
            let token = inner.recorded.token_of_rejects(read);
            let ask = |mut connection: Asked| {
                let asked = sqlx::query(ADD)
                    .bind(&inner.name)
                    .bind(&ids)
                    .bind(&lines)
                    .bind(&texts)
                    .bind(&series.name)
                    .bind(signed(series.number))
                    .bind(&input)
                    .bind(&offset)
                    .bind(&rejects)
                    .bind(rejects_length)
                    .bind(&times)
                    .bind(&token);
                async move {
                    let rows = asked.fetch_all(&mut *connection).await?;
                    let known: Result<Vec<Option<Seen>>, _> =
                        rows.iter().map(seen_or_claimed).collect();
                    Ok(known?.into_iter().collect())
                }
            };
            let known: Option<Vec<Seen>> = inner.connection.ask(Patience::TenSeconds, ask).await?;
            match known {
                Some(known) => break known,
                None => self.claim_rejects_again().await?,
            }
        };
        inner.series.give_back(series);
        if known.is_empty() {
            inner.recorded.note_queued(read);
        }
        Ok(known)
    }

    /// See [`Queue::seen`](crate::queue::Queue::seen).
    pub(super) async fn known(&self, ids: &[&str]) -> Result<Vec<Seen>, QueueError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes()).collect();
        let ask = |mut connection: Asked| {
            let asked = sqlx::query(
                "SELECT id, line FROM http_context_worker.job_id WHERE queue = $1 AND id = ANY ($2)",
            )
            .bind(&self.0.name)
            .bind(&ids);
            async move {
                asked
                    .fetch_all(&mut *connection)
                    .await?
                    .iter()
                    .map(seen)
                    .collect()
            }
        };
        self.0.connection.ask(Patience::TenSeconds, ask).await
    }

    /// See [`Queue::begin`](crate::queue::Queue::begin).
    pub(super) async fn begin_in_one(&self, ticket: Ticket) -> Result<bool, QueueError> {
        let (task, workers) = (task_id(ticket).to_string(), self.0.workers.names());
        let ask = |mut connection: Asked| {
            let asked = sqlx::query(
                "UPDATE apalis.jobs SET metadata = metadata || hstore($3, '1') \
                 WHERE id = $1 AND lock_by = ANY ($2)",
            )
            .bind(&task)
            .bind(&workers)
            .bind(BEGUN);
            async move { Ok(asked.execute(&mut *connection).await?.rows_affected() > 0) }
        };
        self.0.connection.ask(Patience::OfAWorker, ask).await
    }

    /// See [`Queue::settle`](crate::queue::Queue::settle).
    pub(super) async fn settle_in_one(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<Vec<Ticket>, QueueError> {
        let inner = &self.0;
        let record = inner.recorded.of(OutputKind::Results);
        let (results, length_before, mut left) = record.get();
        let (workers, sums) = (inner.workers.names(), self.write(tally)?);
        let (mut tasks, mut attempts, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for (ticket, disposition) in dispositions {
            tasks.push(task_id(*ticket).to_string());
            // Of a wait it is given the length, because the clock that it ends by is that of the server.
            let (made, wait) = match disposition {
                Disposition::Done => (None, 0),
                Disposition::Again { attempts, wait } => (
                    Some(i32::try_from(*attempts).unwrap_or(i32::MAX)),
                    signed(wait.as_secs()).min(LATEST) * 1_000_000
                        + i64::from(wait.subsec_micros()),
                ),
            };
            attempts.push(made);
            waits.push(wait);
        }
        // One token for all tries: what was settled is not settled again.
        let token = Ulid::generate().to_string();
        loop {
            let ask = |mut connection: Asked| {
                let asked = sqlx::query(SETTLE)
                    .bind(&inner.name)
                    .bind(&results)
                    .bind(signed(length_before))
                    .bind(signed(results_length))
                    .bind(&sums)
                    .bind(&token)
                    .bind(&workers)
                    .bind(&tasks)
                    .bind(&attempts)
                    .bind(&waits)
                    .bind(signed(MAX_DELAY.as_secs()) * 1_000_000)
                    .bind(&left);
                async move { Ok(asked.fetch_optional(&mut *connection).await?.is_some()) }
            };
            let is_settled = inner.connection.ask(Patience::OfAWorker, ask).await?;
            let others = if is_settled {
                Unsettled::WasSettled
            } else {
                let lengths = [length_before, results_length];
                self.why_unsettled(&results, lengths, [&token, &left], dispositions)
                    .await?
            };
            match others {
                Unsettled::WasSettled => {
                    record.set(results, results_length, token);
                    return Ok(Vec::new());
                }
                // A new server did not get to know that it is this process's, whose file it is.
                Unsettled::Claimed
                    if self
                        .claim(OutputKind::Results, &results, Patience::OfAWorker)
                        .await?
                        .is_some_and(|(length, _)| length == length_before) =>
                {
                    (_, _, left) = record.get();
                }
                Unsettled::Forgotten | Unsettled::Claimed => {
                    return Err(QueueError::Forgotten {
                        queue: inner.connection.url().to_string(),
                    });
                }
                // They came back meanwhile.
                Unsettled::Others(others) if others.is_empty() => {}
                Unsettled::Others(others) => return Ok(others),
            }
        }
    }

    /// Why nothing was settled.
    async fn why_unsettled(
        &self,
        results: &str,
        [length_before, length]: [u64; 2],
        [token, left]: [&str; 2],
        dispositions: &[(Ticket, Disposition)],
    ) -> Result<Unsettled, QueueError> {
        let workers = self.0.workers.names();
        let tasks: Vec<String> = dispositions
            .iter()
            .map(|(ticket, _)| task_id(*ticket).to_string())
            .collect();
        let ask = |mut connection: Asked| {
            let recorded = sqlx::query_as(
                "SELECT length, token FROM http_context_worker.output \
                 WHERE queue = $1 AND kind = 'results' AND target = $2",
            )
            .bind(&self.0.name)
            .bind(results);
            let held = sqlx::query_scalar(
                "SELECT id FROM apalis.jobs WHERE id = ANY ($1) AND lock_by = ANY ($2)",
            )
            .bind(&tasks)
            .bind(&workers);
            async move {
                let recorded: Option<(i64, Option<String>)> =
                    recorded.fetch_optional(&mut *connection).await?;
                let held: Vec<String> = held.fetch_all(&mut *connection).await?;
                Ok((recorded, held))
            }
        };
        let (recorded, held) = self.0.connection.ask(Patience::OfAWorker, ask).await?;
        Ok(match recorded {
            Some((_, Some(last))) if last == token => Unsettled::WasSettled,
            Some((recorded, _)) if unsigned(recorded) != length_before => Unsettled::Forgotten,
            Some((_, last)) if length != length_before && last.as_deref() != Some(left) => {
                Unsettled::Claimed
            }
            Some(_) => Unsettled::Others(
                dispositions
                    .iter()
                    .map(|(ticket, _)| *ticket)
                    .filter(|ticket| !held.contains(&task_id(*ticket).to_string()))
                    .collect(),
            ),
            None => Unsettled::Forgotten,
        })
    }
}

/// Nothing where the rejects are claimed.
fn seen_or_claimed(row: &PgRow) -> Result<Option<Seen>, sqlx::Error> {
    let id: Option<Vec<u8>> = row.try_get(0)?;
    id.map(|_| seen(row)).transpose()
}

fn seen(row: &PgRow) -> Result<Seen, sqlx::Error> {
    let id: Vec<u8> = row.try_get(0)?;
    Ok(Seen {
        // It was the bytes of a text.
        id: String::from_utf8_lossy(&id).into_owned(),
        line: unsigned(row.try_get(1)?),
    })
}

/// The integers of PostgreSQL are signed; nothing here comes near the end of either range.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
