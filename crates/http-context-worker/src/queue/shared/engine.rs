//! The job engine at work: an apalis worker, and the next one when it has failed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::WorkerError;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Counted, Shared, host};
use crate::queue::wake::wake;
use crate::queue::{Handler, QueueError};

/// So often the engine may fail in a row, with the queue there and no job begun in between: what is wrong
/// then is in the queue, such as a job that cannot be read. What passes by itself does not count.
const TRIES: u32 = 10;

/// The engine is woken when there are jobs; this is for when it was not.
pub(in crate::queue) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longer than any run: the keeper says that a worker lives and finds those that are gone, by the
/// clock of the server and not by that of each machine.
pub(in crate::queue) const NEVER: Duration = Duration::from_hours(24 * 365);

/// Whether the engine has failed with what passes, by the first error of the chain of which that is known.
pub(in crate::queue) fn backend_passes(
    error: &WorkerError,
    known: impl Fn(&(dyn Error + 'static)) -> Option<bool>,
) -> bool {
    let WorkerError::BackendError(error) = error else {
        return false;
    };
    let mut next: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        if let Some(passes) = known(error) {
            return passes;
        }
        next = error.source();
    }
    false
}

/// Goes on until the queue is found to be broken.
pub(super) async fn work<Q: Shared, H: Handler>(
    queue: &Q,
    handler: H,
    concurrency: usize,
    stop: CancellationToken,
) -> QueueError {
    let workers = queue.workers();
    let handler = Counted {
        handler,
        workers: Arc::clone(workers),
        slots: Arc::new(Semaphore::new(concurrency)),
    };
    let (mut begun, mut in_vain) = (0, 0);
    loop {
        // What asked for the next one before has it now.
        let _ = workers.until_begin_anew().now_or_never();
        let (waker, woken) = wake();
        let name = workers.begin(&host(), waker);
        // apalis looks for jobs each time that it is polled. Here it is for what wakes it, and not for what wakes
        // this task: the keeper beside it, for the most part.
        let engine = queue.engine(&name, woken, handler.clone(), concurrency);
        let mut run = FuturesUnordered::from_iter([engine]);
        tokio::select! {
            biased;
            Some(ended) = run.next() => {
                let is_of_the_queue = ended.as_ref().err().is_none_or(|error| !Q::passes(error));
                let why = ended.err().map_or("it ended".to_owned(), |error| error.to_string());
                tracing::debug!("the job engine begins anew: {why}");
                let begun_now = workers.begun();
                if begun_now != begun {
                    in_vain = 0;
                }
                begun = begun_now;
                in_vain += u32::from(is_of_the_queue);
                if in_vain >= TRIES {
                    return QueueError::Engine(why);
                }
            }
            () = workers.until_begin_anew() => {}
            () = stop.cancelled() => {
                // Dropped, it takes no job. Those under way are tasks of their own, and what it had
                // fetched is given back with the queue.
                drop(run);
                return std::future::pending().await;
            }
        }
        drop(run);
        // What it had fetched and not begun is given back by the keeper, once it is the former one.
        tokio::select! {
            () = workers.until_answered() => {}
            () = stop.cancelled() => return std::future::pending().await,
        }
    }
}
