//! The code of the program's own jobs.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::attempt::converse::converse;
use crate::attempt::outcome::JobOutcome;
use crate::attempt::send::send_all;
use crate::job::Job;

/// The code of a job: it runs inside the job's context.
pub type JobCode = fn(Arc<Job>) -> BoxFuture<'static, JobOutcome>;

/// Sends the requests of a job, or leads its conversation.
pub fn run_job(job: Arc<Job>) -> BoxFuture<'static, JobOutcome> {
    async move {
        match &job.websocket {
            Some(spec) => JobOutcome {
                websocket: Some(Box::new(converse(spec).await)),
                ..JobOutcome::default()
            },
            None => JobOutcome {
                requests: send_all(&job).await,
                ..JobOutcome::default()
            },
        }
    }
    .boxed()
}
