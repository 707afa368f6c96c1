//! A request on its way: the queue for a host slot, then the chain of middleware and `reqwest`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Extensions;
use reqwest::{Request, Response};
use tokio::time::Instant;

use crate::connection::table::Carrier;
use crate::error::RequestError;
use crate::exchange::Exchange;
use crate::host_slots::Slot;
use crate::transport::{Sending, Transport};

/// What a request goes through before its response head. Dropping it takes the request off its
/// connection, or out of the queue.
pub(crate) struct Way {
    /// Keeps the client and its pool alive.
    transport: Arc<Transport>,
    step: Step,
}

enum Step {
    Queued(Queued),
    Sent {
        sending: Sending,
        slot: Slot,
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

/// What the way of a request ends with.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) carrier: Carrier,
    pub(crate) slot: Slot,
}

impl Way {
    /// Nothing is sent before the first poll.
    pub(crate) fn new(
        exchange: &Arc<Exchange>,
        transport: Arc<Transport>,
        mut request: Request,
        extensions: Extensions,
    ) -> Self {
        let step = match exchange.info.host.try_slot() {
            Some(slot) => {
                exchange.note_sending(request.headers_mut());
                Step::Sent {
                    sending: transport.send(request, extensions),
                    slot,
                }
            }
            None => Step::Queued(queue(exchange, request, extensions)),
        };
        Self { transport, step }
    }

    /// Polled while the request is the current one of the task.
    pub(crate) fn poll(
        &mut self,
        exchange: &Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, RequestError>> {
        loop {
            match &mut self.step {
                Step::Queued(queued) => {
                    let mut waited = match ready!(queued.as_mut().poll(cx)) {
                        Ok(waited) => waited,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    exchange.note_sending(waited.request.headers_mut());
                    self.step = Step::Sent {
                        sending: self.transport.send(waited.request, waited.extensions),
                        slot: waited.slot,
                    };
                }
                Step::Sent { sending, .. } => {
                    let sent = ready!(Pin::new(sending).poll(cx));
                    let Step::Sent { slot, .. } = std::mem::replace(&mut self.step, Step::Over)
                    else {
                        unreachable!("it was sent a moment ago");
                    };
                    return Poll::Ready(match sent {
                        Ok(response) => Ok(Answer {
                            carrier: self.transport.connections.carried(&response),
                            response,
                            slot,
                        }),
                        Err(RequestError::Request(error)) => Err(RequestError::Request(
                            exchange.info.context.redaction().redact_error(error),
                        )),
                        Err(error) => Err(error),
                    });
                }
                Step::Over => unreachable!("it is not polled again once it has ended"),
            }
        }
    }
}

fn queue(exchange: &Arc<Exchange>, request: Request, extensions: Extensions) -> Queued {
    // Weak: the exchange holds this future.
    let (host, exchange) = (Arc::clone(&exchange.info.host), Arc::downgrade(exchange));
    Box::pin(async move {
        let queued = Instant::now();
        let limit = exchange.upgrade().and_then(|exchange| {
            exchange.tell(|observer| observer.request_queued(&exchange.info));
            exchange.info.context.inner().config.queue_timeout
        });
        let slot = match limit {
            None => host.slot().await,
            Some(limit) => tokio::time::timeout(limit, host.slot())
                .await
                .map_err(|_| RequestError::QueueTimeout {
                    host: host.to_string(),
                    limit: host.limit(),
                    waited: queued.elapsed(),
                })?,
        };
        if let Some(exchange) = exchange.upgrade() {
            exchange.tell(|observer| {
                observer.request_dequeued(&exchange.info, queued.elapsed());
            });
        }
        Ok(Waited {
            slot,
            request,
            extensions,
        })
    })
}
