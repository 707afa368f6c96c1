//! What a person asks of one job.

use sqlx::SqlitePool;

use super::{Embedded, QUEUE, SCHEDULED};
use crate::queue::tasks::{CANCELLED, task_id, ticket_of};
use crate::queue::{Ask, Ticket, Whereabouts};

/// So many jobs are looked at in one statement: the engine and the results wait for it.
const AT_ONCE: u32 = 5_000;

/// See [`Queue::find`](crate::queue::Queue::find).
pub(super) async fn find(pool: &SqlitePool, id: &str) -> Result<Option<Ticket>, sqlx::Error> {
    let mut behind = String::new();
    loop {
        let (last, found): (Option<String>, Option<String>) = sqlx::query_as(
            "SELECT max(id), max(CASE WHEN CAST(job AS TEXT) ->> 'id' = ?2 THEN id END) FROM \
             (SELECT id, job FROM Jobs WHERE id > ?1 ORDER BY id LIMIT ?3)",
        )
        .bind(&behind)
        .bind(id)
        .bind(AT_ONCE)
        .fetch_one(pool)
        .await?;
        if let Some(task) = found {
            return Ok(ticket_of(&task));
        }
        match last {
            Some(last) => behind = last,
            None => return Ok(None),
        }
    }
}

impl Embedded {
    /// See [`Queue::bring_forward`](crate::queue::Queue::bring_forward).
    pub(super) async fn bring_forward_at_once(
        &self,
        ticket: Ticket,
        ask: Ask,
    ) -> Result<Whereabouts, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let task = task_id(ticket).to_string();
        let found: Option<(bool, String)> =
            sqlx::query_as("SELECT lock_by IS NOT NULL, job_type FROM Jobs WHERE id = ?1")
                .bind(&task)
                .fetch_optional(&mut *tx)
                .await?;
        let Some((is_in_hand, queue)) = found else {
            return Ok(Whereabouts::Gone);
        };
        sqlx::query(
            "UPDATE Jobs SET job_type = ?4, \
               run_at = CASE WHEN lock_by IS NULL THEN 0 ELSE run_at END, \
               metadata = CASE WHEN ?2 THEN json_set(coalesce(metadata, '{}'), '$.' || ?3, '1') \
                          ELSE metadata END \
             WHERE id = ?1",
        )
        .bind(&task)
        .bind(ask == Ask::Cancel)
        .bind(CANCELLED)
        .bind(QUEUE)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if queue == SCHEDULED {
            self.scheduled.remove(1);
        }
        Ok(if is_in_hand {
            Whereabouts::InHand
        } else {
            Whereabouts::Waits
        })
    }
}
