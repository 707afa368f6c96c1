//! The tasks of a run: waiting until they are done, and ending them in bounded time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::queue::Queue;

/// How long contexts that were cut off may take to close; after them the writer of results, then the pool, and
/// then the queue.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_millis(600);

/// The tasks of a run, and what stops them.
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    pub(crate) cut: CancellationToken,
    pub(crate) under_way: TaskTracker,
    /// Not there for a worker that others queue jobs for.
    pub(crate) ingest: Option<JoinHandle<Result<(), Failure>>>,
    pub(crate) engine: JoinHandle<Result<(), Failure>>,
    /// Taken when its end was seen.
    pub(crate) result_writer: Option<JoinHandle<Result<(), Failure>>>,
}

impl Running {
    /// Waits until every job is finished. An error when a task fails first.
    pub(crate) async fn until_done(
        &mut self,
        queue: &impl Queue,
        progress: watch::Receiver<Progress>,
    ) -> Result<(), Failure> {
        let ingest = &mut self.ingest;
        let done = async {
            match ingest {
                Some(ingest) => joined(ingest.await, "reader of jobs")?,
                None => std::future::pending().await,
            }
            Ok(queue.until_empty(progress).await?)
        };
        let writer = async {
            match &mut self.result_writer {
                Some(writer) => writer.await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            done = done => return done,
            ended = writer => ended,
            ended = &mut self.engine => return joined(ended, "engine"),
        };
        self.result_writer = None;
        joined(ended, "writer of results")?;
        // It ends without a failure when the engine has, and that one knows why.
        match timeout(CLOSE_WITHIN, &mut self.engine).await {
            Ok(ended) => joined(ended, "engine").and(Err(Failure::Fault("engine"))),
            Err(_) => Err(Failure::Fault("writer of results")),
        }
    }

    /// Ends all tasks, in bounded time: `drain` for the jobs under way, then [`CLOSE_WITHIN`] for
    /// each of what follows.
    pub(crate) async fn close(self, drain: Duration) -> Result<(), Failure> {
        self.stop.cancel();
        self.under_way.close();
        if timeout(drain, self.under_way.wait()).await.is_err() {
            self.cut.cancel();
            let _ = timeout(CLOSE_WITHIN, self.under_way.wait()).await;
        }
        if let Some(ingest) = &self.ingest {
            ingest.abort();
        }
        self.engine.abort();
        // With the engine the last sink goes, and with it the work of the writer of results ends. It may have failed
        // on the way out, and nobody has heard of that yet.
        let Some(writer) = self.result_writer else {
            return Ok(());
        };
        match timeout(CLOSE_WITHIN, writer).await {
            Ok(ended) => joined(ended, "writer of results"),
            Err(_) => Err(Failure::Unsettled),
        }
    }
}

fn joined(
    ended: Result<Result<(), Failure>, tokio::task::JoinError>,
    name: &'static str,
) -> Result<(), Failure> {
    ended.unwrap_or(Err(Failure::Fault(name)))
}
