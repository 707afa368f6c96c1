//! What runs before and after each attempt at a job, whatever its kind.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_context::ExitReport;

use super::{BoxError, JobContext, JobError};

type Before = dyn Fn(JobContext) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync;
type After = dyn Fn(JobContext, JobEnd) -> BoxFuture<'static, ()> + Send + Sync;

/// How an attempt at a job ended, for a hook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobEnd {
    /// Why it failed, in words and without the secrets of URLs; `None` when it did not.
    pub error: Option<String>,
    /// How long its job waits for the next attempt; `None` when this was the last.
    pub retry_in: Option<Duration>,
    /// From its start to the end of its context's exit.
    pub duration: Duration,
    /// What its context reported at its exit; `None` when it panicked, ran into its deadline, or was
    /// never opened.
    pub exit: Option<Arc<ExitReport>>,
}

/// The hooks of a worker, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Hooks {
    before: Vec<Box<Before>>,
    after: Vec<Box<After>>,
}

impl Hooks {
    pub(crate) fn add_before<F, Fut, E>(&mut self, hook: F)
    where
        F: Fn(JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.before.push(Box::new(move |context| {
            let hook = hook(context);
            async move { hook.await.map_err(|error| JobError::of(error.into())) }.boxed()
        }));
    }

    pub(crate) fn add_after<F, Fut>(&mut self, hook: F)
    where
        F: Fn(JobContext, JobEnd) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.after
            .push(Box::new(move |context, end| hook(context, end).boxed()));
    }

    /// Ends with the first that fails.
    pub(crate) async fn before(&self, context: &JobContext) -> Result<(), JobError> {
        for hook in &self.before {
            hook(context.clone()).await?;
        }
        Ok(())
    }

    pub(crate) fn has_after(&self) -> bool {
        !self.after.is_empty()
    }

    pub(crate) async fn after(&self, context: &JobContext, end: &JobEnd) {
        for hook in &self.after {
            hook(context.clone(), end.clone()).await;
        }
    }
}
