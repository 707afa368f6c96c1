//! The first half of an exchange: its future, as the caller polls or drops it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;

use super::final_url;
use super::response_body;
use super::state::{Driven, Exchange, ResponseBody, Stage};
use crate::error::{RequestError, SessionClosed, chain};
use crate::facts::{BodyEnd, BodyEndReason, ResponseHead, Upgrade};
use crate::observer::Observer;
use crate::scope::{CURRENT_REQUEST, RequestScope};
use crate::transport::{Head, Slot};

impl Exchange {
    pub(crate) fn poll_request(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, RequestError>> {
        let mut locked = self.lock();
        if locked.stage != Stage::Request {
            locked.stage = Stage::Over;
            return Poll::Ready(Err(self.closed_request_error()));
        }
        locked.stage = Stage::PollingRequest;
        drop(locked);
        let mut head = None;
        match self.poll_dispatch(cx, &mut head) {
            Poll::Pending => {
                if self.wait_in(Stage::Request, Some(cx)) {
                    return Poll::Pending;
                }
                drop(self.take_driven());
                drop(self.take_made());
                let error = self.closed_request_error();
                self.end_failed(&error);
                Poll::Ready(Err(error))
            }
            Poll::Ready(Err(error)) => {
                let mut locked = self.lock();
                locked.stage = Stage::Over;
                let is_aborted = locked.is_aborted;
                drop(locked);
                let dispatch = self.take_driven();
                let error = if is_aborted || self.is_of_close(&error) {
                    self.closed_request_error()
                } else {
                    error
                };
                drop(dispatch);
                self.end_failed(&error);
                Poll::Ready(Err(error))
            }
            Poll::Ready(Ok(())) => {
                let Some(head) = head else {
                    unreachable!("there is a head where there is no error");
                };
                Poll::Ready(Ok(self.answered(head)))
            }
        }
    }

    #[inline]
    fn poll_dispatch(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        head: &mut Option<Head>,
    ) -> Poll<Result<(), RequestError>> {
        let mut driven = self.driven();
        let Driven::Request(dispatch) = &mut *driven else {
            unreachable!("it is there while its stage is `Request`");
        };
        let _entered = Entered::new(self);
        let shared = || Arc::clone(self) as Arc<RequestScope>;
        let scope: &RequestScope = &**self;
        CURRENT_REQUEST.sync_scope(shared(), || dispatch.poll(scope, shared, cx, head))
    }

    /// Whether it failed since its session closes. What makes its connection gives up at once, and
    /// may do so before the request itself is cut off.
    fn is_of_close(&self, error: &RequestError) -> bool {
        let session = self.info.session();
        let mut closed = chain(error).filter_map(|cause| cause.downcast_ref::<SessionClosed>());
        closed.any(|closed| closed.session == session)
    }

    #[inline]
    fn answered(self: &Arc<Self>, head: Head) -> Response {
        let Head {
            mut response,
            connection,
        } = head;
        let slot = self.end_dispatch();
        let at = Instant::now();
        let is_observed = !self.scope().observers.is_empty();
        if is_observed {
            drop(self.take_made());
        }
        let (connection_use, closes) = (connection.connection_use, connection.closes);
        let (idle, peer) = (
            connection.idle,
            connection.addresses.map(|pair| pair.remote),
        );
        let content_length = response.content_length();
        let upgrade = self.take_upgrade(&mut response);
        let upgraded_to = upgrade
            .as_ref()
            .map(|upgrade| (upgrade.protocol, Arc::clone(&upgrade.traffic)));
        let info = connection
            .connection
            .as_ref()
            // Nobody else wants to know of it.
            .filter(|_| is_observed || upgrade.is_some())
            .map(|one| Arc::clone(&one.info));
        let ending = connection.ending();
        let has_body = upgrade.is_none() && content_length != Some(0);
        let next = if let Some(upgrade) = upgrade {
            self.upgrade(upgrade, slot, ending);
            response = final_url::without_secrets(response, self);
            Stage::Upgraded
        } else if has_body {
            let (tracked, body) = response_body::track(response, Arc::clone(self));
            response = tracked;
            self.driver.received.note(self.info.started, at);
            let body = ResponseBody {
                body,
                slot,
                connection: ending,
                closes,
                since: at,
                first_chunk: None,
            };
            *self.driven() = Driven::Body(body);
            Stage::Body
        } else {
            drop(slot);
            response = final_url::without_secrets(response, self);
            if let Some(connection) = ending {
                connection.response_ended(true, closes);
            }
            Stage::Over
        };
        response.extensions_mut().insert(connection_use);
        if !self.info.upload.is_streamed() {
            self.count_sent(self.info.upload.bytes());
        }
        self.notify(|observer, request| observer.response_headers(request, response.headers()));
        let head = ResponseHead {
            status: response.status(),
            version: response.version(),
            connection_use,
            connection: info,
            idle,
            peer,
            content_length,
            at,
        };
        self.notify(|observer, request| observer.request_answered(request, &head));
        if let Some((protocol, traffic)) = upgraded_to {
            let upgrade = Upgrade {
                protocol,
                connection: head.connection,
                traffic,
            };
            self.notify(|observer, request| observer.connection_upgraded(request, &upgrade));
            self.list_upgraded(upgrade);
        }
        self.finish_notifying(next);
        if next == Stage::Over {
            self.end_body(BodyEnd {
                reason: BodyEndReason::Complete,
                bytes: 0,
                duration: Duration::ZERO,
                first_chunk: None,
            });
        }
        response
    }

    /// It is no longer on its way. Returns the slot that it has.
    fn end_dispatch(&self) -> Option<Slot> {
        let mut driven = self.driven();
        let slot = match &mut *driven {
            Driven::Request(dispatch) => dispatch.take_slot(),
            _ => None,
        };
        *driven = Driven::Nothing;
        slot
    }

    /// The caller has no more use for the future of the request, be it before or after its end.
    pub(crate) fn drop_request(&self) {
        let mut locked = self.lock();
        // Out of its stage it can only be after a panic: the caller cannot drop what it polls.
        let is_under_way = matches!(
            locked.stage,
            Stage::Request | Stage::PollingRequest | Stage::Notifying
        );
        if is_under_way {
            locked.stage = Stage::Over;
            drop(locked);
            let dispatch = self.take_driven();
            if let Driven::Request(dispatch) = &dispatch {
                dispatch.note_dropped(self);
            }
            // The future goes first: before observers hear of the end, its connection is released.
            drop(dispatch);
            self.info.upload.end();
            self.notify(Observer::request_cancelled);
            self.deregister();
            locked = self.lock();
        }
        self.release_future(locked);
    }
}

/// While the future of a request is polled: what observers bind to the thread.
struct Entered<'e>(&'e Exchange);

impl<'e> Entered<'e> {
    fn new(exchange: &'e Exchange) -> Self {
        exchange.notify(Observer::enter_request);
        Self(exchange)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Self(exchange) = self;
        let observers = &exchange.scope().observers;
        observers.notify_reversed(|observer| observer.exit_request(&exchange.info));
    }
}
