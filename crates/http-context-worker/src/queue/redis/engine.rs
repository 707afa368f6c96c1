//! The job engine at work: an apalis worker on Redis, and the next one when it has failed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, ParallelizeExt, WorkerBuilder, WorkerContext, WorkerError};
use apalis_redis::{Config, RedisStorage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::RedisError;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Redis;
use super::link::Link;
use super::refusal::Meaning;
use super::workers::Counted;
use crate::queue::tasks::{JobText, Label};
use crate::queue::wake::{Wake, wake};
use crate::queue::{Handler, QueueError};

/// The engine is woken when there are jobs; this is for when it was not.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longer than any run: the keeper says that a worker lives and finds those that are gone, by the
/// clock of Redis and not by that of each machine.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// So often the engine may fail in a row, with Redis there and no job begun in between: what is wrong
/// then is in the queue, such as a job that cannot be read. What passes by itself does not count.
const TRIES: u32 = 10;

/// See [`Queue::work`](crate::queue::Queue::work).
pub(super) async fn work<H: Handler>(
    redis: &Redis,
    handler: H,
    concurrency: usize,
    stop: CancellationToken,
) -> QueueError {
    let handler = Counted {
        handler,
        redis: redis.clone(),
        slots: Arc::new(Semaphore::new(concurrency)),
    };
    let (mut begun, mut in_vain) = (0, 0);
    loop {
        // What asked for the next one before has it now.
        let _ = redis.0.workers.until_begin_anew().now_or_never();
        let (waker, woken) = wake();
        let name = redis.0.workers.begin(&redis.0.host, waker);
        let config = Config::default()
            .queue(redis.0.keys.queue())
            // What is fetched and does not run yet, another process could run.
            .batch_size((concurrency / 4).clamp(1, 16))
            .heartbeat_interval(NEVER)
            .missed_heartbeats(2)
            .persist_results(false)
            .lock_tasks(false)
            .emit_events(false);
        let backend = RedisStorage::<JobText, Link>::new(redis.0.connection.link())
            .with_config(config)
            .poll_with_strategy(Wake::new(woken, LOOK_EVERY));
        let context = WorkerContext::new(&name);
        let handler = handler.clone();
        // The limit stands outside the spawn, so that a job holds its slot until it is settled.
        let worker = WorkerBuilder::new(&context)
            .backend(backend)
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .build(move |job: JobText, label: Label| {
                let handler = handler.clone();
                async move { handler.handle(label.attempt(job)).await }
            });
        // Boxed where its type is known: the compiler cannot see through it that it is `Send`.
        let mut run: BoxFuture<'static, Result<(), WorkerError>> = worker.run().boxed();
        tokio::select! {
            biased;
            ended = &mut run => {
                let is_of_the_queue = ended.as_ref().err().is_none_or(|error| !passes(error));
                let why = ended.err().map_or("it ended".to_owned(), |error| error.to_string());
                tracing::debug!("the job engine begins anew: {why}");
                let begun_now = redis.0.workers.begun();
                if begun_now != begun {
                    in_vain = 0;
                }
                begun = begun_now;
                in_vain += u32::from(is_of_the_queue);
                if in_vain >= TRIES {
                    return QueueError::Engine(why);
                }
            }
            () = redis.0.workers.until_begin_anew() => {}
            () = stop.cancelled() => {
                // Paused, the engine takes no job.
                let _ = context.pause();
                let _ = run.await;
                return std::future::pending().await;
            }
        }
        // What it had fetched and not begun is given back by the keeper, once it is the former one.
        tokio::select! {
            () = redis.0.workers.until_answered() => {}
            () = stop.cancelled() => return std::future::pending().await,
        }
    }
}

/// Whether the engine has failed because Redis was away or refused for a moment.
fn passes(error: &WorkerError) -> bool {
    let WorkerError::BackendError(error) = error else {
        return false;
    };
    let mut next: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        let of_redis = match error.downcast_ref::<apalis_redis::Error>() {
            Some(apalis_redis::Error::Database(error)) => Some(error),
            _ => error.downcast_ref::<RedisError>(),
        };
        if let Some(error) = of_redis {
            return Meaning::of(error).passes();
        }
        next = error.source();
    }
    false
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
