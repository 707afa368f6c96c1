//! The job engine at work: an apalis worker on the embedded storage.

use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, ParallelizeExt, WorkerBuilder, WorkerContext, WorkerError};
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Embedded, QUEUE, clock};
use crate::queue::tasks::{JobText, Label};
use crate::queue::wake::Wake;
use crate::queue::{Handler, QueueError};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// See [`Queue::work`](crate::queue::Queue::work). `woken` wakes the engine when jobs were added.
pub(super) async fn work<H: Handler>(
    queue: &Embedded,
    woken: mpsc::Receiver<()>,
    handler: H,
    concurrency: usize,
    stop: CancellationToken,
) -> QueueError {
    let config = Config::default()
        .queue(QUEUE)
        .batch_size(concurrency.clamp(16, 128))
        .persist_results(false)
        .lock_tasks(false);
    let backend = SqliteStorage::<JobText>::new(&queue.pool)
        .with_config(config)
        .poll_with_strategy(Wake::new(woken, LOOK_EVERY));
    let context = WorkerContext::new(&format!("worker-{}", std::process::id()));
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
        ended = &mut run => return engine_error(ended),
        () = stop.cancelled() => {}
        () = clock::keep(queue) => {}
    }
    // It is dropped: the jobs under way are tasks of their own, and what it had fetched is released with
    // the queue. Stopped, it would count the jobs that were fetched and not started as attempted. Paused,
    // it would not be polled on while it holds the database's one connection, and nothing be settled.
    drop(run);
    std::future::pending().await
}

fn engine_error<E: std::fmt::Display>(ended: Result<(), E>) -> QueueError {
    QueueError::Engine(match ended {
        Ok(()) => "it was asked to stop".to_owned(),
        Err(error) => error.to_string(),
    })
}
