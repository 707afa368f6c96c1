//! What each process does for all of them: one statement while all workers live, and a transaction for each
//! that is gone or ends.

use sqlx::{Connection as _, Row as _};

use super::Postgres;
use super::commits::{signed, unsigned};
use super::connection::Asked;
use crate::queue::shared::{Patience, Sign, Silence, noticed_after};
use crate::queue::tasks::{task_id, ticket_of};
use crate::queue::{QueueError, Ticket};
use crate::retry::MAX_DELAY;

const KEEP: &str = include_str!("keep.sql");
const TAKE_OVER: &str = include_str!("take_over.sql");

impl Postgres {
    /// See [`Shared::keep`](crate::queue::shared::Shared::keep).
    pub(super) async fn keep_once(&self, silence: &mut Silence) -> Result<(), QueueError> {
        let inner = &self.0;
        let names = inner.workers.names();
        let noticed_after = noticed_after(inner.takeover).as_micros();
        let noticed_after = i64::try_from(noticed_after).unwrap_or(i64::MAX);
        let ask = |mut connection: Asked| {
            let asked = sqlx::query(KEEP)
                .bind(&inner.name)
                .bind(&names)
                .bind(signed(MAX_DELAY.as_secs()) * 1_000_000)
                .bind(noticed_after);
            async move {
                let row = asked.fetch_one(&mut *connection).await?;
                let (ids, signs): (Vec<String>, Vec<String>) = (row.try_get(1)?, row.try_get(2)?);
                Ok((
                    row.try_get::<bool, _>(0)?,
                    ids.into_iter().zip(signs).collect::<Vec<Sign>>(),
                    row.try_get::<Vec<String>, _>(3)?,
                ))
            }
        };
        let (mut is_waiting, signs, cancelled) = inner.connection.ask(Patience::None, ask).await?;
        if let Some(cancellations) = inner.cancellations.get() {
            // Told again as long as they are not done, so one that has not begun yet is not missed.
            for ticket in cancelled.iter().filter_map(|task| ticket_of(task)) {
                cancellations.cancel(ticket);
            }
        }
        silence.see(signs);
        for (worker, sign) in silence.longer_than(inner.takeover) {
            let taken = self.take_over(&worker, &sign).await?;
            if taken > 0 {
                is_waiting = true;
                tracing::warn!(
                    "{taken} jobs of a worker that is gone were given back to the queue"
                );
            }
        }
        if is_waiting {
            inner.workers.wake();
        }
        Ok(())
    }

    /// Gives back what a worker holds that has given no sign of life since this one; how many jobs that are.
    async fn take_over(&self, worker: &str, sign: &str) -> Result<u64, QueueError> {
        let ask = |mut connection: Asked| async move {
            let mut tx = connection.begin().await?;
            // Nothing is handed out to a worker while its row is locked, nor when it is gone: what was, is seen
            // by the statements that follow. Another one that takes it over has the lock.
            let is_gone = sqlx::query(
                "SELECT FROM apalis.workers \
                 WHERE id = $1 AND extract(epoch FROM last_seen)::text = $2 FOR UPDATE SKIP LOCKED",
            )
            .bind(worker)
            .bind(sign)
            .fetch_optional(&mut *tx)
            .await?
            .is_some();
            if !is_gone {
                return Ok(0);
            }
            let taken = sqlx::query(TAKE_OVER)
                .bind(worker)
                .bind(MAX_DELAY.as_secs_f64())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            sqlx::query("DELETE FROM apalis.workers WHERE id = $1")
                .bind(worker)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(taken)
        };
        self.0.connection.ask(Patience::None, ask).await
    }

    /// See [`Shared::release`](crate::queue::shared::Shared::release).
    pub(super) async fn release_once(
        &self,
        worker: &str,
        in_hand: &[Ticket],
    ) -> Result<u64, QueueError> {
        let in_hand: Vec<String> = in_hand
            .iter()
            .map(|ticket| task_id(*ticket).to_string())
            .collect();
        let in_hand = &in_hand;
        let ask = |mut connection: Asked| async move {
            let mut tx = connection.begin().await?;
            // As above.
            sqlx::query("SELECT FROM apalis.workers WHERE id = $1 FOR UPDATE")
                .bind(worker)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL, priority = 1, \
                 metadata = delete(metadata, 'begun') \
                 WHERE id IN (SELECT id FROM apalis.jobs WHERE lock_by = $1 AND id <> ALL ($2) \
                              ORDER BY id FOR UPDATE)",
            )
            .bind(worker)
            .bind(in_hand)
            .execute(&mut *tx)
            .await?;
            let kept: i64 =
                sqlx::query_scalar("SELECT count(*) FROM apalis.jobs WHERE lock_by = $1")
                    .bind(worker)
                    .fetch_one(&mut *tx)
                    .await?;
            if kept == 0 {
                sqlx::query("DELETE FROM apalis.workers WHERE id = $1")
                    .bind(worker)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            Ok(unsigned(kept))
        };
        self.0.connection.ask(Patience::None, ask).await
    }
}
