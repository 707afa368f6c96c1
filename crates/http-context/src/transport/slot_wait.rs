//! A request in the queue of a host.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::host_slots::{Host, Slot};
use crate::error::{QueueTimeout, RequestFailure};
use crate::facts::QueueWait;
use crate::scope::RequestScope;

/// Waits for a slot of a host, and notifies observers of it. Dropping it gives up the place in the
/// queue.
pub(crate) struct SlotWait {
    host: Arc<Host>,
    limit: Option<Duration>,
    /// Since the first poll.
    queued: Option<Queued>,
}

struct Queued {
    since: Instant,
    /// `None` when the time is up.
    slot: Pin<Box<dyn Future<Output = Option<Slot>> + Send>>,
}

impl SlotWait {
    pub(crate) fn new(host: Arc<Host>, limit: Option<Duration>) -> Self {
        Self {
            host,
            limit,
            queued: None,
        }
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    pub(crate) fn poll(
        &mut self,
        scope: Option<&RequestScope>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Slot, RequestFailure>> {
        let Self { host, limit, .. } = self;
        let queued = self.queued.get_or_insert_with(|| {
            let since = Instant::now();
            if let Some(scope) = scope {
                scope.note_queued();
            }
            Queued {
                since,
                slot: Box::pin(wait(Arc::clone(host), *limit)),
            }
        });
        let slot = ready!(queued.slot.as_mut().poll(cx));
        let waited = queued.since.elapsed();
        Poll::Ready(match slot {
            Some(slot) => {
                if let Some(scope) = scope {
                    scope.note_dequeued(QueueWait { duration: waited });
                }
                Ok(slot)
            }
            None => Err(RequestFailure::QueueTimeout(QueueTimeout {
                host: host.origin.to_string(),
                limit: host.limit,
                waited,
            })),
        })
    }
}

async fn wait(host: Arc<Host>, limit: Option<Duration>) -> Option<Slot> {
    match limit {
        None => Some(host.slot().await),
        Some(limit) => tokio::time::timeout(limit, host.slot()).await.ok(),
    }
}
