//! The two commits on which the queue's promise rests.

use apalis_sqlite::queries::push_tasks;

use super::clock::{due_at, floor, since_1970};
use super::sqlite::{Failed, signed, unsigned};
use super::{Embedded, QUEUE, SCHEDULED};
use crate::progress::tally::Tally;
use crate::queue::tasks::{BEGUN, CRASHES, task, task_id};
use crate::queue::{Batch, Disposition, OutputKind, Seen, Ticket};
use crate::retry::MAX_DELAY;
use crate::run_at::RunAt;

impl Embedded {
    /// See [`Queue::add`](crate::queue::Queue::add). Whether the batch was taken in; otherwise some of its
    /// ids are known.
    pub(super) async fn add_in_transaction(&self, batch: &Batch) -> Result<bool, Failed> {
        let mut tx = self.pool.begin().await?;
        let first: i64 = sqlx::query_scalar(
            "UPDATE worker_totals SET next_ticket = next_ticket + ?1 RETURNING next_ticket - ?1",
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
        let new = sqlx::query(
            "INSERT OR IGNORE INTO worker_job_id (id, line) \
             SELECT value ->> 'id', value ->> 'line' FROM json_each(?1)",
        )
        .bind(serde_json::to_string(&ids)?)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if new != ids.len() as u64 {
            return Ok(false);
        }
        let now = unsigned(floor(since_1970()));
        let (mut at_once, mut scheduled) = (Vec::with_capacity(batch.jobs.len()), Vec::new());
        for ((_, job), ticket) in batch.jobs.iter().zip(unsigned(first)..) {
            if job.run_at <= RunAt(now) {
                at_once.push(task(Ticket(ticket), &job.text, RunAt::NOW));
            } else {
                scheduled.push(task(Ticket(ticket), &job.text, job.run_at));
            }
        }
        for (queue, tasks) in [(QUEUE, &at_once), (SCHEDULED, &scheduled)] {
            if tasks.is_empty() {
                continue;
            }
            push_tasks(&mut *tx, queue, tasks)
                .await
                .map_err(|error| Failed(error.to_string()))?;
        }
        if let Some(read) = &batch.read {
            let offset = &read.offset;
            sqlx::query("INSERT OR REPLACE INTO worker_input VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
                .bind(&read.input)
                .bind(signed(offset.bytes))
                .bind(signed(offset.lines))
                .bind(offset.complete)
                .bind(&offset.digest)
                .bind(signed(offset.unended))
                .bind(signed(offset.rejected))
                .execute(&mut *tx)
                .await?;
            sqlx::query("UPDATE worker_output SET length = ?1 WHERE kind = ?2")
                .bind(signed(read.rejects_length))
                .bind(OutputKind::Rejects.as_str())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.scheduled.add(scheduled.len() as u64);
        Ok(true)
    }

    /// Returns how many of the finished jobs the queue did not hold; nothing is committed if there
    /// are any.
    pub(super) async fn settle_in_transaction(
        &self,
        dispositions: &[(Ticket, Disposition)],
        results_length: u64,
        tally: &Tally,
    ) -> Result<u64, Failed> {
        let mut tx = self.pool.begin().await?;
        let done: Vec<String> = dispositions
            .iter()
            .filter(|(_, disposition)| *disposition == Disposition::Done)
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
        let mut scheduled = 0;
        for (ticket, disposition) in dispositions {
            if let Disposition::Again { attempts, wait } = disposition {
                let queue = if *wait > MAX_DELAY { SCHEDULED } else { QUEUE };
                scheduled += u64::from(queue == SCHEDULED);
                sqlx::query(
                    "UPDATE Jobs SET status = 'Pending', attempts = ?1, run_at = ?2, job_type = ?6, \
                     lock_by = NULL, lock_at = NULL, metadata = json_remove(metadata, '$.' || ?4, '$.' || ?5) \
                     WHERE id = ?3",
                )
                .bind(attempts)
                .bind(due_at(*wait))
                .bind(task_id(*ticket).to_string())
                .bind(CRASHES)
                .bind(BEGUN)
                .bind(queue)
                .execute(&mut *tx)
                .await?;
            }
        }
        sqlx::query("UPDATE worker_totals SET tally = ?1")
            .bind(serde_json::to_string(tally)?)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE worker_output SET length = ?1 WHERE kind = ?2")
            .bind(signed(results_length))
            .bind(OutputKind::Results.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.scheduled.add(scheduled);
        Ok(0)
    }
}
