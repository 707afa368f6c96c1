//! Making the tables, and giving back what a former run had handed out.

use apalis_sqlite::SqliteStorage;

use super::handed_out::{Blame, release};
use super::sqlite::{unreadable, unsigned};
use super::{Embedded, SCHEDULED};
use crate::queue::QueueError;

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

impl Embedded {
    /// Makes a database that is new ready, and refuses one of another version.
    pub(super) async fn prepare(&self) -> Result<(), QueueError> {
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
        let scheduled: i64 = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE job_type = ?1")
            .bind(SCHEDULED)
            .fetch_one(&mut *tx)
            .await
            .map_err(unreadable)?;
        tx.commit().await.map_err(unreadable)?;
        self.scheduled.add(unsigned(scheduled));
        Ok(())
    }
}
