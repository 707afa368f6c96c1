//! Writing results down, each once.
//!
//! A finished attempt is handed to the writer and waits until it is settled. The writer takes
//! everything that waits, writes the result lines in one go, and has the queue settle all of it in
//! one commit. So the cost of a flush and of a commit is shared by as many jobs as end in the
//! meantime, and grows slower than the load does. Why no kill can lose or double a line is written
//! in [`queue`](crate::queue).

use std::collections::HashSet;

use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::progress::Meter;
use crate::progress::job_metrics::JobMetrics;
use crate::progress::tally::Tally;
use crate::queue::{Disposition, Queue, QueueError, Ticket};
use crate::results::function::ResultsFunction;
use crate::results::output::Output;
use crate::retry::MAX_DELAY;

/// The most attempts that share a commit.
const BATCH: usize = 512;

/// A finished attempt.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) ticket: Ticket,
    pub(crate) disposition: Disposition,
    /// The result line with its line end, empty when the job will be tried again.
    pub(crate) line: Vec<u8>,
    /// What this attempt adds to the sums.
    pub(crate) adds: Tally,
}

/// The handlers' side of the writer.
#[derive(Clone, Debug)]
pub(crate) struct ResultSink(mpsc::Sender<PendingEntry>);

impl ResultSink {
    /// Returns once the entry is settled; or when the writer has failed, and then the job stays in
    /// the queue; or when another process has taken the job over.
    pub(crate) async fn settle(&self, entry: Entry) {
        let (settled, wait) = oneshot::channel();
        if self.0.send((entry, settled)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

/// An entry, and who waits for it to be settled.
type PendingEntry = (Entry, oneshot::Sender<()>);

/// The writer's side: run it until every [`ResultSink`] is gone.
pub(crate) struct ResultWriter<Q> {
    entries: mpsc::Receiver<PendingEntry>,
    queue: Q,
    results: Output,
    /// Where results go in place of it.
    function: Option<ResultsFunction>,
    tally: Tally,
    meter: Meter,
    metrics: JobMetrics,
}

impl<Q: Queue> ResultWriter<Q> {
    pub(crate) fn new(
        queue: Q,
        results: Output,
        function: Option<ResultsFunction>,
        tally: Tally,
        meter: Meter,
    ) -> (ResultSink, Self) {
        let (sender, entries) = mpsc::channel(BATCH);
        let mut metrics = JobMetrics::new();
        metrics.update(&tally);
        let writer = Self {
            entries,
            queue,
            results,
            function,
            tally,
            meter,
            metrics,
        };
        (ResultSink(sender), writer)
    }

    /// Settles entries until nobody can bring any more.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        while self.entries.recv_many(&mut batch, BATCH).await > 0 {
            self = self.write_and_settle(&mut batch).await?;
            for (_, settled) in batch.drain(..) {
                let _ = settled.send(());
            }
        }
        Ok(())
    }

    /// Leaves in the batch what was settled. A job that another process has taken over is not: its
    /// line is taken back, and stands where that process settles it.
    async fn write_and_settle(mut self, batch: &mut Vec<PendingEntry>) -> Result<Self, Failure> {
        keep_first_of_each(batch);
        while !batch.is_empty() {
            let (mut lines, mut finished) = (Vec::new(), 0);
            let mut dispositions = Vec::with_capacity(batch.len());
            let mut tally = self.tally.clone();
            for (entry, _) in batch.iter() {
                lines.extend_from_slice(&entry.line);
                dispositions.push((entry.ticket, entry.disposition));
                finished += u64::from(entry.disposition == Disposition::Done);
                tally.add(&entry.adds);
            }
            let length_before = self.results.length();
            self = self.write(lines).await?;
            let length = self.results.length();
            let others = match self.queue.settle(&dispositions, length, &tally).await {
                Err(forgotten @ QueueError::Forgotten { .. }) => {
                    self.go_back(length_before, forgotten).await?;
                    continue;
                }
                settled => settled?,
            };
            if others.is_empty() {
                self.metrics.update(&tally);
                for (ticket, disposition) in &dispositions {
                    // What waits longer is scheduled, and counted by the queue.
                    if let Disposition::Again { wait, .. } = disposition
                        && !wait.is_zero()
                        && *wait <= MAX_DELAY
                    {
                        self.meter.delay(ticket.0, *wait);
                    }
                }
                self.meter.update(|progress| {
                    progress.finished += finished;
                    progress.tally.clone_from(&tally);
                });
                self.tally = tally;
                return Ok(self);
            }
            self.results.cut(length_before)?;
            tracing::warn!(
                "{} jobs were taken over by another process while they ran: their results stand there",
                others.len()
            );
            batch.retain(|(entry, _)| !others.contains(&entry.ticket));
        }
        Ok(self)
    }

    /// Goes back to what the queue has recorded. Lines behind that are of jobs that are in the queue
    /// again.
    async fn go_back(&mut self, length: u64, forgotten: QueueError) -> Result<(), Failure> {
        match self.queue.resume(&self.results).await? {
            Some((recorded, tally)) if recorded <= length => {
                tracing::warn!(
                    "the queue has forgotten what was settled last: {} bytes of results are cut off, and their \
                     jobs run again",
                    length - recorded
                );
                self.results.cut(recorded)?;
                self.meter
                    .update(|progress| progress.tally.clone_from(&tally));
                self.tally = tally;
                Ok(())
            }
            _ => Err(forgotten.into()),
        }
    }

    /// Writes off the runtime's threads: a flush to the disk takes milliseconds.
    async fn write(mut self, lines: Vec<u8>) -> Result<Self, Failure> {
        if lines.is_empty() {
            return Ok(self);
        }
        if let Some(function) = &self.function {
            function.take(&lines).await.map_err(Failure::Results)?;
            return Ok(self);
        }
        tokio::task::spawn_blocking(move || {
            self.results.append(&lines)?;
            Ok(self)
        })
        .await
        .map_err(|_| Failure::Fault("results writer"))?
    }
}

/// Leaves one attempt of each job. A worker has a job in hand twice when its queue forgot the first time, because
/// its server was replaced by one that had not been told. One after the other, the first of them is settled and
/// the job is in no hands any more when the next one comes; settled together both would pass.
fn keep_first_of_each(batch: &mut Vec<PendingEntry>) {
    let (all, mut jobs) = (batch.len(), HashSet::with_capacity(batch.len()));
    batch.retain(|(entry, _)| jobs.insert(entry.ticket));
    let dropped = all - batch.len();
    if dropped > 0 {
        tracing::warn!(
            "{dropped} attempts at jobs that this worker had in hand twice do not count: others at them ended before"
        );
    }
}
