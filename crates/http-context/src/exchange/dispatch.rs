//! A request between its admission and its head: the queue for a host slot, then the chain of
//! middleware and `reqwest`.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::RequestError;
use crate::scope::RequestScope;
use crate::transport::{Head, Host, LentExtensions, Sending, Slot, SlotWait, Transport, Unsent};

/// What a request goes through before its response head. Dropping it takes the request off its
/// connection, or out of the queue.
pub(crate) struct Dispatch {
    /// Keeps the client and its pool alive.
    transport: Arc<Transport>,
    queue_timeout: Option<Duration>,
    step: Step,
}

enum Step {
    /// Most requests find a slot at once, so that only one which waits is put into a box.
    Queued(Box<Queued>),
    Sent(Sending),
    Over,
}

struct Queued {
    wait: SlotWait,
    request: Unsent,
    extensions: LentExtensions,
}

impl Dispatch {
    /// Nothing is sent before the first poll.
    #[inline]
    pub(crate) fn new(
        scope: &Arc<RequestScope>,
        host: Arc<Host>,
        queue_timeout: Option<Duration>,
        transport: Arc<Transport>,
        request: &mut Unsent,
        extensions: LentExtensions,
    ) -> Self {
        let step = match host.try_slot() {
            Some(slot) => {
                let sending = transport.send(scope, request, extensions, slot, queue_timeout);
                Step::Sent(sending)
            }
            None => Step::Queued(Box::new(Queued {
                wait: SlotWait::new(host, queue_timeout),
                request: request.take().into(),
                extensions,
            })),
        };
        Self {
            transport,
            queue_timeout,
            step,
        }
    }

    /// The slot that it has, for the body of its response.
    pub(super) fn take_slot(&mut self) -> Option<Slot> {
        match &mut self.step {
            Step::Sent(sending) => sending.take_slot(),
            Step::Queued(_) | Step::Over => None,
        }
    }

    /// It is dropped before its head. With HTTP/1.1 that closes the connection it is on.
    pub(super) fn note_dropped(&self, scope: &RequestScope) {
        if let Step::Sent(sending) = &self.step {
            self.transport.note_dropped(sending, scope);
        }
    }

    /// Polled while the request is the current one of the task. `shared` gives what `scope` is, for who
    /// keeps it. Puts the head where it is wanted.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        scope: &RequestScope,
        shared: impl Fn() -> Arc<RequestScope>,
        cx: &mut Context<'_>,
        head: &mut Option<Head>,
    ) -> Poll<Result<(), RequestError>> {
        loop {
            match &mut self.step {
                Step::Queued(queued) => {
                    let slot = ready!(queued.wait.poll(Some(scope), cx));
                    let slot = match slot {
                        Ok(slot) => slot,
                        Err(failure) => {
                            let url = queued.request.url();
                            return Poll::Ready(Err(scope.failed(Some(url), failure)));
                        }
                    };
                    let Step::Queued(queued) = std::mem::replace(&mut self.step, Step::Over) else {
                        unreachable!("it was queued a moment ago");
                    };
                    let Queued {
                        mut request,
                        extensions,
                        ..
                    } = *queued;
                    let transport = &self.transport;
                    let (shared, limit) = (shared(), self.queue_timeout);
                    let sending = transport.send(&shared, &mut request, extensions, slot, limit);
                    self.step = Step::Sent(sending);
                }
                Step::Sent(sending) => {
                    let answered = ready!(self.transport.poll(sending, scope, cx, head));
                    return Poll::Ready(answered.map_err(|failure| {
                        let failed_at = sending.failed_at();
                        scope.failed(failed_at, failure)
                    }));
                }
                Step::Over => unreachable!("it is not polled again once it has ended"),
            }
        }
    }
}
