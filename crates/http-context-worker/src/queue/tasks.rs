//! Between our jobs and the engine's tasks.
//!
//! A task's id is the job's number written as a ULID: the engine hands tasks out by id, so jobs
//! start in the order in which they were queued, and the number of a job leads to its row.

use apalis::prelude::{FromRequest, Task, TaskBuilder, TaskId};
use ulid::Ulid;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::queue::{Attempt, Ticket};
use crate::run_at::RunAt;

/// The number of the job that a task of this id carries.
pub(super) fn ticket_of(task_id: &str) -> Option<Ticket> {
    let ulid = Ulid::from_string(task_id).ok()?;
    u64::try_from(u128::from(ulid)).ok().map(Ticket)
}

/// The id of a job's task.
pub(super) fn task_id(ticket: Ticket) -> Ulid {
    Ulid::from(u128::from(ticket.0))
}

/// The task that carries a job. The `run_at` of one that may run at once is the beginning of time, so that
/// only ids decide the order.
pub(super) fn task(ticket: Ticket, text: &str, run_at: RunAt) -> Task<Vec<u8>> {
    TaskBuilder::new(text.as_bytes().to_vec())
        .task_id(TaskId::from_ulid(task_id(ticket)))
        .run_at_timestamp(run_at.0)
        .max_attempts(i32::MAX as usize)
        .build()
}

/// A job as it waits in the queue: JSON, which the engine hands on without looking into it. What type
/// of job it is, is known to who runs it alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct JobText(Box<RawValue>);

impl JobText {
    pub(crate) fn as_str(&self) -> &str {
        self.0.get()
    }
}

/// What the engine knows of an attempt beside the job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    ticket: Ticket,
    number: u32,
    crashes: u32,
    is_cancelled: bool,
}

/// What the queue keeps with a task: how many workers ended with it in hand.
pub(super) const CRASHES: &str = "crashes";
/// That an attempt at it has begun although workers ended with it in hand.
pub(super) const BEGUN: &str = "begun";
/// That it was cancelled.
pub(super) const CANCELLED: &str = "cancelled";

impl Label {
    /// The attempt, with its job.
    pub(super) fn attempt(self, job: JobText) -> Attempt {
        Attempt {
            ticket: self.ticket,
            number: self.number,
            crashes: self.crashes,
            is_cancelled: self.is_cancelled,
            job,
        }
    }
}

/// A task that this program did not queue.
#[derive(Debug, thiserror::Error)]
#[error("a task in the queue has an id that no job of this program has")]
pub(super) struct ForeignTask;

impl FromRequest<Task<JobText>> for Label {
    type Error = ForeignTask;

    async fn from_request(task: &Task<JobText>) -> Result<Self, ForeignTask> {
        let ulid = task
            .ctx()
            .task_id()
            .and_then(TaskId::as_ulid)
            .ok_or(ForeignTask)?;
        Ok(Self {
            ticket: Ticket(u64::try_from(u128::from(ulid)).map_err(|_| ForeignTask)?),
            number: u32::try_from(task.ctx().attempt()).unwrap_or(u32::MAX),
            crashes: task
                .metadata()
                .get(CRASHES)
                .and_then(|crashes| crashes.parse().ok())
                .unwrap_or(0),
            is_cancelled: task.metadata().get(CANCELLED).is_some(),
        })
    }
}
