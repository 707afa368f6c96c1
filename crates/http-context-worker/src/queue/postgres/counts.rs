//! How many jobs there are, for the meter.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Postgres;
use super::commits::unsigned;
use super::connection::Asked;
use crate::queue::QueueError;
use crate::queue::shared::Patience;

/// What a scrape asks for, or a line of progress.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A large queue takes its time.
const COUNT_WITHIN: Duration = Duration::from_mins(1);

const COUNT: &str = include_str!("count.sql");

/// Keeps the meter, until it is dropped.
pub(super) async fn follow(queue: &Postgres) -> QueueError {
    let Some(meter) = queue.0.meter.get() else {
        return std::future::pending().await;
    };
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        // What fails here fails for the keeper too, and is reported there.
        if let Ok((waiting, delayed, unfinished)) = queue.count().await {
            meter.update(|progress| {
                progress.queued = progress.finished + unfinished;
                progress.shared = Some((waiting, delayed));
            });
        }
    }
}

impl Postgres {
    async fn count(&self) -> Result<(u64, u64, u64), QueueError> {
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_as(COUNT).bind(&self.0.name);
            async move { asked.fetch_one(&mut *connection).await }
        };
        let asked = self
            .0
            .connection
            .ask_within(COUNT_WITHIN, Patience::None, ask);
        let (waiting, delayed, unfinished): (i64, i64, i64) = asked.await?;
        Ok((unsigned(waiting), unsigned(delayed), unsigned(unfinished)))
    }

    /// How many jobs are not finished, by the index of each that they can be in.
    pub(super) async fn count_unfinished(&self) -> Result<u64, QueueError> {
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar("SELECT count(*) FROM apalis.jobs WHERE job_type = $1")
                .bind(&self.0.name);
            async move { asked.fetch_one(&mut *connection).await }
        };
        let asked = self
            .0
            .connection
            .ask_within(COUNT_WITHIN, Patience::OfAWorker, ask);
        asked.await.map(unsigned)
    }

    /// Whether all jobs are finished. Finished jobs leave their rows behind until the database has cleaned up,
    /// so each is looked for where the unfinished ones are.
    pub(super) async fn is_empty(&self) -> Result<bool, QueueError> {
        let ask = |mut connection: Asked| {
            let asked = sqlx::query_scalar(
                "SELECT NOT (\
                   EXISTS (SELECT FROM apalis.jobs WHERE job_type = $1 \
                           AND (status = 'Pending' OR (status = 'Failed' AND attempts < max_attempts))) \
                   OR EXISTS (SELECT FROM apalis.jobs WHERE job_type = $1 AND status = 'Failed') \
                   OR EXISTS (SELECT FROM apalis.workers, apalis.jobs \
                              WHERE worker_type = $1 AND lock_by = workers.id))",
            )
            .bind(&self.0.name);
            async move { asked.fetch_one(&mut *connection).await }
        };
        self.0.connection.ask(Patience::OfAWorker, ask).await
    }
}
