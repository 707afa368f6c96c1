//! Jobs that were handed out to a worker that has ended.

use sqlx::{Executor, Sqlite, SqlitePool};

use super::clock::now;
use super::sqlite::signed;
use crate::queue::Ticket;
use crate::queue::tasks::{BEGUN, CRASHES, task_id};
use crate::retry::MAX_DELAY;

/// Which of them had a part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// It ended in good order.
    Nothing,
    /// It crashed: those that were in hand for the first time, and those that are known to have begun.
    WhatBegan,
}

/// Gives back what was handed out. A job that is blamed again waits: whatever ends workers, it shall
/// not do so at once.
pub(super) async fn release<'e>(
    executor: impl Executor<'e, Database = Sqlite>,
    blame: Blame,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL, \
         run_at = CASE \
           WHEN ?1 AND metadata ->> ?3 IS NOT NULL \
           THEN ?4 + min(?5, 1 << min(coalesce(metadata ->> ?2, 1) - 1, 30)) \
           ELSE run_at END, \
         metadata = CASE \
           WHEN ?1 AND (metadata ->> ?2 IS NULL OR metadata ->> ?3 IS NOT NULL) \
           THEN json_set(json_remove(coalesce(metadata, '{}'), '$.' || ?3), '$.' || ?2, \
                         CAST(coalesce(metadata ->> ?2, 0) + 1 AS TEXT)) \
           ELSE json_remove(metadata, '$.' || ?3) END \
         WHERE lock_by IS NOT NULL",
    )
    .bind(blame == Blame::WhatBegan)
    .bind(CRASHES)
    .bind(BEGUN)
    .bind(now())
    .bind(signed(MAX_DELAY.as_secs()))
    .execute(executor)
    .await
    .map(drop)
}

/// See [`Queue::begin`](crate::queue::Queue::begin).
pub(super) async fn begin(pool: &SqlitePool, ticket: Ticket) -> Result<bool, sqlx::Error> {
    let begun = sqlx::query(
        "UPDATE Jobs SET metadata = json_set(coalesce(metadata, '{}'), '$.' || ?1, '1') WHERE id = ?2",
    )
    .bind(BEGUN)
    .bind(task_id(ticket).to_string())
    .execute(pool)
    .await?;
    Ok(begun.rows_affected() > 0)
}
