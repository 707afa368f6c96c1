//! The code of the program's own jobs.

use crate::program::attempt::converse::converse;
use crate::program::attempt::outcome::JobOutcome;
use crate::program::attempt::send::send_all;
use crate::program::job::Job;

/// Sends the requests of a job, or leads its conversation.
pub(crate) async fn run_job(job: &Job) -> JobOutcome {
    match &job.websocket {
        Some(spec) => JobOutcome {
            websocket: Some(Box::new(converse(spec).await)),
            ..JobOutcome::default()
        },
        None => JobOutcome {
            requests: send_all(job).await,
            ..JobOutcome::default()
        },
    }
}
