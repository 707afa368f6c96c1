//! The job engine: an apalis worker on PostgreSQL.

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, ParallelizeExt, WorkerBuilder, WorkerContext, WorkerError};
use apalis_postgres::{Config, PostgresStorage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::Postgres;
use crate::queue::Handler;
use crate::queue::shared::{Counted, LOOK_EVERY, NEVER, Refusal as _, backend_passes};
use crate::queue::tasks::{JobText, Label};
use crate::queue::wake::Wake;

impl Postgres {
    /// See [`Shared::engine`](crate::queue::shared::Shared::engine).
    pub(super) fn apalis_worker<H: Handler>(
        &self,
        name: &str,
        woken: mpsc::Receiver<()>,
        handler: Counted<H>,
        concurrency: usize,
    ) -> BoxFuture<'static, Result<(), WorkerError>> {
        let config = Config::default()
            .queue(&self.0.name)
            // What is fetched and does not run yet, another process could run.
            .batch_size((concurrency / 2).clamp(1, 64))
            .heartbeat_interval(NEVER)
            .missed_heartbeats(100)
            .persist_results(false)
            .lock_tasks(false);
        let pool = self.0.connection.link().current().pool;
        let backend = PostgresStorage::<JobText>::new(&pool)
            .with_config(config)
            .poll_with_strategy(Wake::new(woken, LOOK_EVERY));
        // The limit stands outside the spawn, so that a job holds its slot until it is settled.
        let worker = WorkerBuilder::new(WorkerContext::new(name))
            .backend(backend)
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .build(move |job: JobText, label: Label| {
                let handler = handler.clone();
                async move { handler.handle(label.attempt(job)).await }
            });
        // Boxed where its type is known: the compiler cannot see through it that it is `Send`.
        worker.run().boxed()
    }
}

/// Whether the engine has failed because the database was away or refused for a moment, or because others
/// took this worker to be gone and struck it off.
pub(super) fn passes(error: &WorkerError) -> bool {
    backend_passes(error, |error| {
        let of_database = match error.downcast_ref::<apalis_postgres::Error>() {
            Some(apalis_postgres::Error::Database(error)) => Some(error),
            _ => error.downcast_ref::<sqlx::Error>(),
        };
        let error = of_database?;
        Some(error.meaning().passes() || is_struck_off(error))
    })
}

/// A job cannot be handed out to a worker that is not registered.
fn is_struck_off(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_fails_with_the_database_is_no_sign_of_a_broken_queue() {
        let of = |error: apalis_postgres::Error| WorkerError::BackendError(error.into());
        assert!(passes(&of(sqlx::Error::PoolTimedOut.into())));
        assert!(!passes(&of(apalis_postgres::Error::WorkerOutOfSync)));
        assert!(!passes(&WorkerError::PanicError("it fell".to_owned())));
    }
}
