//! A request between its admission and its head: the queue for a host slot, then the chain of
//! middleware and `reqwest`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Extensions;
use reqwest::{Request, Response};
use tokio::time::Instant;

use crate::connection::{AwaitsHead, ResponseConnection};
use crate::error::RequestError;
use crate::facts::QueueWait;
use crate::scope::RequestScope;
use crate::transport::{Host, Sending, Slot, Transport};

/// What a request goes through before its response head. Dropping it takes the request off its
/// connection, or out of the queue.
pub(crate) struct Dispatch {
    /// Keeps the client and its pool alive.
    transport: Arc<Transport>,
    step: Step,
}

enum Step {
    Queued(Queued),
    Sent {
        sending: Sending,
        slot: Slot,
        /// When it was sent, for who wants to know.
        sent: Option<Instant>,
        awaits: Option<AwaitsHead>,
    },
    /// It has failed. Its connection waits for what that says of it.
    Failed {
        _awaits: Option<AwaitsHead>,
    },
    /// It was refused in the queue, or answered.
    Over,
}

/// Most requests find a slot at once, so that only one which waits is put into a box.
type Queued = Pin<Box<dyn Future<Output = Result<Waited, RequestError>> + Send>>;

/// What comes out of the queue.
struct Waited {
    slot: Slot,
    request: Request,
    extensions: Extensions,
}

/// What a dispatch ends with.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) connection: ResponseConnection,
    pub(crate) slot: Slot,
}

impl Dispatch {
    /// Nothing is sent before the first poll.
    pub(crate) fn new(
        scope: &Arc<RequestScope>,
        host: Arc<Host>,
        queue_timeout: Option<Duration>,
        transport: Arc<Transport>,
        mut request: Request,
        extensions: Extensions,
    ) -> Self {
        let step = match host.try_slot() {
            Some(slot) => {
                scope.note_sending(request.headers_mut());
                send(scope, &transport, request, extensions, slot)
            }
            None => Step::Queued(queue(scope, host, queue_timeout, request, extensions)),
        };
        Self { transport, step }
    }

    /// It is dropped before its head. With HTTP/1.1 that closes the connection it is on.
    pub(super) fn note_dropped(&self, scope: &RequestScope) {
        match (scope.take_made(), &self.step) {
            (Some(made), _) => made.dropped(),
            (
                None,
                Step::Sent {
                    awaits: Some(_), ..
                },
            ) => {
                self.transport.connections.note_cancelled();
            }
            (None, _) => {}
        }
    }

    /// It ended by its time limit, or since its body or what came for it was at fault, which drops it
    /// off its connection.
    pub(super) fn note_given_up(&self, scope: &RequestScope) {
        match scope.take_made() {
            Some(made) => made.given_up(),
            None if scope.scope().observers.is_empty() => {}
            None => self.transport.connections.note_cancelled(),
        }
    }

    /// Polled while the request is the current one of the task.
    pub(crate) fn poll(
        &mut self,
        scope: &RequestScope,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, RequestError>> {
        loop {
            match &mut self.step {
                Step::Queued(queued) => {
                    let mut waited = match ready!(queued.as_mut().poll(cx)) {
                        Ok(waited) => waited,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    scope.note_sending(waited.request.headers_mut());
                    let Waited {
                        slot,
                        request,
                        extensions,
                    } = waited;
                    self.step = send(scope, &self.transport, request, extensions, slot);
                }
                Step::Sent { sending, .. } => {
                    let sent = ready!(Pin::new(sending).poll(cx));
                    let Step::Sent {
                        slot,
                        sent: at,
                        awaits,
                        ..
                    } = std::mem::replace(&mut self.step, Step::Over)
                    else {
                        unreachable!("it was sent a moment ago");
                    };
                    let error = match sent {
                        Ok(response) => {
                            let connection = self.transport.connection_of(&response, at);
                            // After that: what its connection waits for is there.
                            drop(awaits);
                            return Poll::Ready(Ok(Answer {
                                response,
                                connection,
                                slot,
                            }));
                        }
                        Err(RequestError::Request(error)) => {
                            RequestError::Request(scope.scope().info.redaction.redact_error(error))
                        }
                        Err(error) => error,
                    };
                    self.step = Step::Failed { _awaits: awaits };
                    return Poll::Ready(Err(error));
                }
                Step::Failed { .. } | Step::Over => {
                    unreachable!("it is not polled again once it has ended")
                }
            }
        }
    }
}

fn send(
    scope: &RequestScope,
    transport: &Transport,
    request: Request,
    extensions: Extensions,
    slot: Slot,
) -> Step {
    let is_observed = !scope.scope().observers.is_empty();
    Step::Sent {
        awaits: is_observed.then(|| transport.connections.await_head()),
        sent: is_observed.then(Instant::now),
        sending: transport.send(request, extensions),
        slot,
    }
}

fn queue(
    scope: &Arc<RequestScope>,
    host: Arc<Host>,
    limit: Option<Duration>,
    request: Request,
    extensions: Extensions,
) -> Queued {
    // Weak: the exchange of this scope holds this future.
    let scope = Arc::downgrade(scope);
    Box::pin(async move {
        let queued = Instant::now();
        if let Some(scope) = scope.upgrade() {
            scope.note_queued();
        }
        let slot = match limit {
            None => host.slot().await,
            Some(limit) => tokio::time::timeout(limit, host.slot())
                .await
                .map_err(|_| RequestError::QueueTimeout {
                    host: host.origin.to_string(),
                    limit: host.limit,
                    waited: queued.elapsed(),
                })?,
        };
        if let Some(scope) = scope.upgrade() {
            scope.note_dequeued(QueueWait {
                duration: queued.elapsed(),
            });
        }
        Ok(Waited {
            slot,
            request,
            extensions,
        })
    })
}
