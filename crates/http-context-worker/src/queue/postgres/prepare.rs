//! Making the tables, of a database that has none.

use std::time::Duration;

use apalis_postgres::PostgresStorage;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnection, PgPool};
use tokio::time::timeout;

use super::connection::{Asked, Connection};
use crate::queue::QueueError;
use crate::queue::shared::{Patience, Refusal as _};

/// The format of what is ours.
const FORMAT: i32 = 1;
/// Of those who find no tables, one makes them.
const LOCK: i64 = 0x6874_7470_6374_7871;

/// Tables of the engine that are large already take their time.
const MAKE_WITHIN: Duration = Duration::from_mins(10);

const TABLES: &str = include_str!("tables.sql");
const HAS_TABLES: &str = include_str!("has_tables.sql");

/// Makes a database that is new ready, and refuses one of another version.
pub(super) async fn prepare(connection: &Connection, queue: &str) -> Result<(), QueueError> {
    let engine = PostgresStorage::<()>::migrations()
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default();
    // Asked first: whoever only uses tables that are there needs no right to make any.
    let found = connection
        .ask(Patience::TenSeconds, |mut asked| async move {
            format(&mut asked).await
        })
        .await?;
    let ours = match found {
        Some((ours, its_engine)) if its_engine >= engine => ours,
        _ => make(connection, engine).await?,
    };
    if ours != FORMAT {
        return Err(QueueError::Refused {
            queue: connection.url().to_string(),
            reason: format!(
                "{queue} was made by another version of this program (format {ours}, this one knows {FORMAT})",
            ),
        });
    }
    // What a queue has that is used for the first time, and what series have left that are over.
    let ask = |mut connection: Asked| {
        let asked = sqlx::query(
            "WITH gone AS (DELETE FROM http_context_worker.series WHERE added_at < now() - interval '1 day') \
             INSERT INTO http_context_worker.jobs (queue) VALUES ($1) ON CONFLICT DO NOTHING",
        )
        .bind(queue);
        async move { asked.execute(&mut *connection).await.map(drop) }
    };
    connection.ask(Patience::TenSeconds, ask).await
}

/// The formats of what is ours and of what is the engine's, where there is anything.
async fn format(connection: &mut PgConnection) -> Result<Option<(i32, i64)>, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar(HAS_TABLES)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_as("SELECT ours, engine FROM http_context_worker.format")
        .fetch_optional(connection)
        .await
}

/// Makes the engine's tables and ours, or brings the engine's up to date; the format that ours have then.
async fn make(connection: &Connection, engine: i64) -> Result<i32, QueueError> {
    let queue = || connection.url().to_string();
    let pool = connection.link().current().pool;
    let made = timeout(MAKE_WITHIN, async {
        PostgresStorage::<()>::migrations()
            .run(&pool)
            .await
            .map_err(|error| of_migration(queue(), error))?;
        make_ours(&pool, engine)
            .await
            .map_err(|error| error.of_queue(queue()))
    });
    made.await.unwrap_or_else(|_| {
        Err(QueueError::Unreachable {
            queue: queue(),
            reason: format!("its tables were not made within {MAKE_WITHIN:?}"),
        })
    })
}

/// Makes ours, where nobody else has meanwhile.
async fn make_ours(pool: &PgPool, engine: i64) -> Result<i32, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    if format(&mut tx).await?.is_none() {
        sqlx::raw_sql(TABLES).execute(&mut *tx).await?;
    }
    let ours = sqlx::query_scalar(
        "INSERT INTO http_context_worker.format AS format (ours, engine) VALUES ($1, $2) \
         ON CONFLICT (one) DO UPDATE SET engine = greatest(format.engine, excluded.engine) \
         RETURNING ours",
    )
    .bind(FORMAT)
    .bind(engine)
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ours)
}

fn of_migration(queue: String, error: MigrateError) -> QueueError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            error.of_queue(queue)
        }
        other => QueueError::Refused {
            queue,
            reason: format!("the tables of apalis in it are of another version: {other}"),
        },
    }
}
