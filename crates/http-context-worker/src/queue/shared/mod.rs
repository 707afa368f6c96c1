//! What queues of many processes have in common, whatever keeps them: who lives and who is gone, the
//! engine and the next one when it has failed, and for how long a question is asked again.
//!
//! A queue is a [`Shared`]; with that, [`work`] is all of [`Queue::work`](super::Queue::work).

mod asking;
mod engine;
mod keeper;
mod recorded;
mod series;
mod silence;
mod workers;

use std::future::Future;
use std::sync::Arc;

use apalis::prelude::WorkerError;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Handler, Queue, QueueError, Ticket};

pub(super) use self::asking::{Meaning, Patience, Refusal, ask};
pub(super) use self::engine::{LOOK_EVERY, NEVER, backend_passes};
pub(super) use self::recorded::RecordedOutputs;
pub(super) use self::series::FreeSeries;
pub(super) use self::silence::{Sign, Silence, noticed_after};
pub(super) use self::workers::{Counted, Workers};

/// A queue that many processes work off.
pub(super) trait Shared: Queue {
    /// What this process is to it.
    fn workers(&self) -> &Arc<Workers>;

    /// Its address, as it may be shown.
    fn shown(&self) -> String;

    /// Whether a connection has broken, or led to the wrong server, since this was last asked. The
    /// server behind the address may be another one since.
    fn take_trouble(&self) -> bool;

    /// Does once what each process does for all of them: says that it lives, gives back the jobs of workers
    /// that are gone, and hands on what is due for another attempt. Wakes the engine when jobs wait.
    fn keep(&self, silence: &mut Silence) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Gives back what was handed out to a worker, but for what is in hand; how many those are. A worker
    /// that has none is struck off.
    fn release(
        &self,
        worker: &str,
        in_hand: &[Ticket],
    ) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// The engine, as a worker of this name. `woken` wakes it.
    fn engine<H: Handler>(
        &self,
        name: &str,
        woken: mpsc::Receiver<()>,
        handler: Counted<H>,
        concurrency: usize,
    ) -> BoxFuture<'static, Result<(), WorkerError>>;

    /// Whether the engine has failed because the queue was away or refused for a moment.
    fn passes(error: &WorkerError) -> bool;
}

/// See [`Queue::work`](super::Queue::work).
pub(super) async fn work<Q: Shared, H: Handler>(
    queue: &Q,
    handler: H,
    concurrency: usize,
    stop: CancellationToken,
) -> QueueError {
    tokio::select! {
        refused = keeper::keep(queue) => refused,
        ended = engine::work(queue, handler, concurrency, stop) => ended,
    }
}

/// Gives back what this process holds, on its way out.
pub(super) async fn give_back(queue: &impl Shared) {
    for worker in queue.workers().names() {
        // What cannot be given back now is taken over later.
        let _ = queue.release(&worker, &[]).await;
    }
}

/// The name of this machine. Files are known by it and their path.
pub(super) fn host() -> String {
    #[cfg(all(unix, not(http_context_no_unix)))]
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    #[cfg(any(not(unix), http_context_no_unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}
