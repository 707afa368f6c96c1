//! A queue that a program fills by calls, in place of a file of jobs.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::line::{BadField, MAX_LINE_BYTES, check_id, job_text};
use crate::log::say;
use crate::queue::{Batch, Embedded, Queue, QueueError, QueuedJob, Seen, State};
#[cfg(feature = "postgres")]
use crate::queue::{Postgres, PostgresAddress};
#[cfg(feature = "redis")]
use crate::queue::{Redis, RedisAddress};
use crate::run_at::RunAt;
#[cfg(feature = "cron")]
use crate::schedule::Schedule;

/// The most jobs that share a commit.
const BATCH: usize = 500;

/// Where jobs wait.
///
/// ```
/// use http_context_worker::{Failure, JobQueue, QueueAddress};
///
/// # async fn run() -> Result<(), Failure> {
/// // In a directory, where jobs that wait survive a restart.
/// let queue = JobQueue::open(&QueueAddress::Embedded(Some("state".into()))).await?;
/// # drop(queue); Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum QueueAddress {
    /// In this process: the state directory, or none for a state that is thrown away.
    Embedded(Option<PathBuf>),
    /// In a Redis that other processes share (feature `redis`).
    #[cfg(feature = "redis")]
    Redis(RedisAddress),
    /// In a PostgreSQL that other processes share.
    #[cfg(feature = "postgres")]
    Postgres(PostgresAddress),
}

/// Without user and password.
impl fmt::Display for QueueAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(Some(state)) => state.display().fmt(f),
            Self::Embedded(None) => f.write_str("a temporary directory"),
            #[cfg(feature = "redis")]
            Self::Redis(address) => address.url.fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => address.url.fmt(f),
        }
    }
}

/// An open queue, into which jobs are put by calls. Clones are of the same queue.
///
/// A shared queue, in Redis or PostgreSQL, may be open in as many processes as one likes, and be worked off in others. An embedded
/// one belongs to one process at a time; there it is worked off by the same handle:
/// [`Plan::on`](crate::Plan::on). Once the run that works it off has ended, it takes no more.
///
/// # Examples
///
/// ```
/// use http_context_worker::{Enqueued, JobQueue, QueueAddress};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Mail {
///     to: String,
/// }
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let queue = JobQueue::open(&QueueAddress::Embedded(None)).await?;
/// let mail = Mail { to: "user@example.com".to_owned() };
/// assert_eq!(queue.enqueue("order-17", &mail).await?, Enqueued::Queued);
/// assert_eq!(queue.enqueue("order-17", &mail).await?, Enqueued::Known);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JobQueue {
    opened: Arc<Opened>,
    /// Done when whoever works it off is on his way out.
    stop: CancellationToken,
    kind: Option<Arc<str>>,
}

/// What is open.
pub(crate) enum Opened {
    /// The lock of the state is held for as long as the queue is open.
    Embedded { queue: Embedded, state: State },
    #[cfg(feature = "redis")]
    Redis(Redis),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

/// What became of a job that was to be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a job whose id is known is not queued"]
pub enum Enqueued {
    /// It is in the queue, and survives this process where the queue does.
    Queued,
    /// A job of this id was queued before. It may be done already: ids are kept for as long as the queue.
    Known,
}

/// Why a job could not be queued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// It is none that can wait in a queue.
    #[error("the job cannot be queued")]
    Job(#[source] BadField),
    /// The queue failed. Whether the job was queued is not known; asking again with the same id is safe.
    #[error("the queue did not take the job")]
    Queue(#[source] QueueError),
}

impl JobQueue {
    /// Opens a queue, and makes it where it is not there.
    ///
    /// # Errors
    ///
    /// [`Failure::State`] when the state directory cannot be used or is in use by another process, and
    /// [`Failure::Queue`] when the queue cannot be read, does not answer, or was made by another version.
    pub async fn open(address: &QueueAddress) -> Result<Self, Failure> {
        Self::open_until(address, CancellationToken::new()).await
    }

    /// The same, for who loses patience when `stop` is done.
    pub(crate) async fn open_until(
        address: &QueueAddress,
        stop: CancellationToken,
    ) -> Result<Self, Failure> {
        let opened = match address {
            QueueAddress::Embedded(dir) => {
                let state = State::open(dir.as_deref())?;
                if let Some(sentence) = state.keep_private()? {
                    say(&format!("warning: {sentence}\n"));
                }
                let queue = Embedded::open(&state.database(), state.is_kept()).await?;
                Opened::Embedded { queue, state }
            }
            #[cfg(feature = "redis")]
            QueueAddress::Redis(address) => {
                Opened::Redis(Redis::open(address, stop.clone()).await?)
            }
            #[cfg(feature = "postgres")]
            QueueAddress::Postgres(address) => {
                Opened::Postgres(Postgres::open(address, stop.clone()).await?)
            }
        };
        Ok(Self {
            opened: Arc::new(opened),
            stop,
            kind: None,
        })
    }

    /// The same queue, for jobs of a kind with this name.
    #[must_use]
    pub fn kind(&self, name: impl Into<Arc<str>>) -> Self {
        Self {
            opened: Arc::clone(&self.opened),
            stop: self.stop.clone(),
            kind: Some(name.into()),
        }
    }

    /// Queues a job, once: with an id that was queued before nothing is done.
    ///
    /// The id is that of the job's result line, 1 to [`MAX_ID_BYTES`](crate::MAX_ID_BYTES) bytes. The job
    /// must be an object in JSON; a field `id` of it is replaced.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`]. Whether a worker can read the job is not looked at here.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way the job may have been queued or not. Asking again with the same id is safe.
    pub async fn enqueue<J: Serialize + ?Sized>(
        &self,
        id: &str,
        job: &J,
    ) -> Result<Enqueued, EnqueueError> {
        let job = self.job(id, job, RunAt::NOW);
        self.enqueue_one(job.map_err(EnqueueError::Job)?).await
    }

    /// Queues a job that no worker begins before this time, once: like [`enqueue`](Self::enqueue).
    ///
    /// The time is one of the queue's wall clock: of this machine for an embedded queue, of Redis for one in
    /// Redis. A job that is due goes before those that wait, within two seconds of its time, rounded up to a
    /// whole second; how soon it begins then is a matter of free places. A time that has passed is now. Until
    /// then the job is one of the queue: a [`Plan::run`](crate::Plan::run) ends after it.
    ///
    /// # Errors
    ///
    /// Those of [`enqueue`](Self::enqueue).
    ///
    /// # Cancel safety
    ///
    /// That of [`enqueue`](Self::enqueue).
    pub async fn enqueue_at<J: Serialize + ?Sized>(
        &self,
        time: SystemTime,
        id: &str,
        job: &J,
    ) -> Result<Enqueued, EnqueueError> {
        let job = self.job(id, job, RunAt::at(time));
        self.enqueue_one(job.map_err(EnqueueError::Job)?).await
    }

    async fn enqueue_one(&self, job: QueuedJob) -> Result<Enqueued, EnqueueError> {
        let mut known = Vec::new();
        self.add(vec![(0, job)], &mut known).await?;
        Ok(if known.is_empty() {
            Enqueued::Queued
        } else {
            Enqueued::Known
        })
    }

    /// Queues jobs with their ids, five hundred in a commit. Returns the ids that were queued before, or
    /// stand twice: those jobs are left out.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`]. Jobs before the one that cannot be queued may be in the queue by then.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way some of the jobs may have been queued. Asking again with the same ids is safe.
    pub async fn enqueue_all<'j, J, I>(&self, jobs: I) -> Result<Vec<String>, EnqueueError>
    where
        J: Serialize + ?Sized + 'j,
        I: IntoIterator<Item = (&'j str, &'j J)>,
    {
        let (mut left_out, mut ids, mut batch) = (Vec::new(), HashSet::new(), Vec::new());
        for (id, job) in jobs {
            if !ids.insert(id.to_owned()) {
                left_out.push(id.to_owned());
                continue;
            }
            let job = self.job(id, job, RunAt::NOW).map_err(EnqueueError::Job)?;
            batch.push((0, job));
            if batch.len() == BATCH {
                self.add(std::mem::take(&mut batch), &mut left_out).await?;
            }
        }
        self.add(batch, &mut left_out).await?;
        Ok(left_out)
    }

    /// Queues the job of a schedule for a time.
    #[cfg(feature = "cron")]
    pub(crate) async fn enqueue_scheduled(
        &self,
        schedule: &Schedule,
        time: SystemTime,
    ) -> Result<Enqueued, EnqueueError> {
        let id = schedule.id_at(time);
        let job = check_id(&id)
            .and_then(|()| schedule.text(&id))
            .and_then(|text| queued(id, text, RunAt::at(time)));
        self.enqueue_one(job.map_err(EnqueueError::Job)?).await
    }

    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    /// What is done when whoever works it off is on his way out.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    fn job<J: Serialize + ?Sized>(
        &self,
        id: &str,
        job: &J,
        run_at: RunAt,
    ) -> Result<QueuedJob, BadField> {
        check_id(id)?;
        let text = job_text(self.kind.as_deref(), id, job)?;
        queued(id.to_owned(), text, run_at)
    }

    /// Adds what is not known.
    async fn add(
        &self,
        mut jobs: Vec<(u64, QueuedJob)>,
        left_out: &mut Vec<String>,
    ) -> Result<(), EnqueueError> {
        while !jobs.is_empty() {
            let batch = Batch { jobs, read: None };
            let known = self.add_batch(&batch).await.map_err(EnqueueError::Queue)?;
            if known.is_empty() {
                return Ok(());
            }
            let known: HashSet<String> = known.into_iter().map(|seen| seen.id).collect();
            jobs = batch.jobs;
            jobs.retain(|(_, job)| !known.contains(&job.id));
            left_out.extend(known);
        }
        Ok(())
    }

    async fn add_batch(&self, batch: &Batch) -> Result<Vec<Seen>, QueueError> {
        match &*self.opened {
            Opened::Embedded { queue, .. } => {
                let known = queue.add(batch).await?;
                if known.is_empty() {
                    queue.queued_beside(batch.jobs.len() as u64);
                }
                Ok(known)
            }
            #[cfg(feature = "redis")]
            Opened::Redis(queue) => queue.add(batch).await,
            #[cfg(feature = "postgres")]
            Opened::Postgres(queue) => queue.add(batch).await,
        }
    }
}

fn queued(id: String, text: String, run_at: RunAt) -> Result<QueuedJob, BadField> {
    if text.len() > MAX_LINE_BYTES {
        let length = text.len();
        let error = format!("has {length} bytes, a job may have {MAX_LINE_BYTES}");
        return Err(BadField::line(error));
    }
    Ok(QueuedJob { id, text, run_at })
}

impl fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueue")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
