//! The job engine: an apalis worker on Redis.

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, ParallelizeExt, WorkerBuilder, WorkerContext, WorkerError};
use apalis_redis::{Config, RedisStorage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::RedisError;
use tokio::sync::mpsc;

use super::Redis;
use super::link::Link;
use crate::queue::Handler;
use crate::queue::shared::{Counted, LOOK_EVERY, NEVER, Refusal as _, backend_passes};
use crate::queue::tasks::{JobText, Label};
use crate::queue::wake::Wake;

impl Redis {
    /// See [`Shared::engine`](crate::queue::shared::Shared::engine).
    pub(super) fn apalis_worker<H: Handler>(
        &self,
        name: &str,
        woken: mpsc::Receiver<()>,
        handler: Counted<H>,
        concurrency: usize,
    ) -> BoxFuture<'static, Result<(), WorkerError>> {
        let config = Config::default()
            .queue(self.0.keys.queue())
            // What is fetched and does not run yet, another process could run.
            .batch_size((concurrency / 4).clamp(1, 16))
            .heartbeat_interval(NEVER)
            .missed_heartbeats(2)
            .persist_results(false)
            .lock_tasks(false)
            .emit_events(false);
        let backend = RedisStorage::<JobText, Link>::new(self.0.connection.link())
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

/// Whether the engine has failed because Redis was away or refused for a moment.
pub(super) fn passes(error: &WorkerError) -> bool {
    backend_passes(error, |error| {
        let of_redis = match error.downcast_ref::<apalis_redis::Error>() {
            Some(apalis_redis::Error::Database(error)) => Some(error),
            _ => error.downcast_ref::<RedisError>(),
        };
        Some(of_redis?.meaning().passes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_fails_with_redis_is_no_sign_of_a_broken_queue() {
        let of = |error: apalis_redis::Error| WorkerError::BackendError(error.into());
        let away = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(passes(&of(away.into())));
        let broken = apalis_redis::Error::WorkerOutOfSync;
        assert!(!passes(&of(broken)));
        assert!(!passes(&WorkerError::PanicError("it fell".to_owned())));
    }
}
