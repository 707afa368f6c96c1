//! A request in the hands of `reqwest`, hop after hop, until a head comes that is no redirect.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use reqwest::{Client, Request, Response, StatusCode, Url};
use tokio::time::Instant;
use tower_service::Service;

use super::hop_client::HopClient;
use super::host_slots::{Host, Slot};
use super::next_hop::NextHop;
use super::read_limit::ReadLimit;
use super::slot_wait::SlotWait;
use super::unsent::Unsent;
use crate::connection::{AwaitsHead, ResponseConnection};
use crate::defaults::Defaults;
use crate::error::{ErrorKind, RedirectError, RequestFailure};
use crate::facts::Redirect;
use crate::scope::RequestScope;

/// One request on its way, and what it takes to follow redirects.
///
/// Dropping it takes the request off its connection, or out of the queue of a host.
pub(crate) struct Follow {
    step: Step,
    /// That of the host which it is on its way to.
    slot: Option<Slot>,
    limits: Limits,
    /// When the current hop was sent, for who wants to know.
    sent: Option<Instant>,
    /// While the head of the current hop may come, its connection is not judged.
    awaits: Option<AwaitsHead>,
    /// On the wait for each head; that of the last one is of its body as well. Boxed, since few have
    /// one.
    read_limit: Option<Box<ReadLimit>>,
    /// What a redirect is followed with, unless none is.
    next: Option<NextHop>,
    /// The URL that redirected to where it does not go. Boxed, since few do.
    refused_at: Option<Box<Url>>,
}

/// Whether it has to have a slot.
#[derive(Clone, Copy)]
pub(super) enum Limits {
    Slots {
        queue_timeout: Option<Duration>,
    },
    /// A middleware sends it apart from the request that it belongs to, which has the slot.
    None,
}

enum Step {
    Queued(Box<Queued>),
    /// The future of a client has a name, that of its `tower` service: so it needs no allocation of
    /// its own here.
    Sent(<Client as Service<Request>>::Future),
    Over,
}

/// A hop that waits for a slot.
struct Queued {
    wait: SlotWait,
    request: Unsent,
    /// The status of the response that led here, unless it is the first hop.
    status: Option<StatusCode>,
}

/// A head that is no redirect to follow.
pub(crate) struct Head {
    pub(crate) response: Response,
    pub(crate) connection: ResponseConnection,
}

impl Follow {
    /// Sends a request that has a slot of its host.
    #[inline]
    pub(super) fn send(
        client: &HopClient,
        scope: &RequestScope,
        request: &mut Unsent,
        slot: Slot,
        queue_timeout: Option<Duration>,
    ) -> Self {
        let limits = Limits::Slots { queue_timeout };
        let mut follow = Self::new(client, Some(scope), request, Some(slot), limits);
        follow.depart(client, Some(scope), request);
        follow
    }

    /// Sends a request once it has a slot of its host, which `slot` may be already.
    pub(super) fn begin(
        client: &HopClient,
        scope: Option<&RequestScope>,
        request: Request,
        slot: Option<Slot>,
        limits: Limits,
    ) -> Self {
        let mut request = Unsent::from(request);
        let mut follow = Self::new(client, scope, &mut request, slot, limits);
        let host = client.hosts.host(request.url());
        follow.go_to(client, scope, host, &mut request, None);
        follow
    }

    #[inline]
    fn new(
        client: &HopClient,
        scope: Option<&RequestScope>,
        request: &mut Request,
        slot: Option<Slot>,
        limits: Limits,
    ) -> Self {
        if let Some(defaults) = scope.and_then(defaults_of) {
            defaults.authorize(request);
        }
        client.set_defaults(request);
        let of_session = client.options.read_timeout;
        let read_timeout = scope.map_or(of_session, |scope| scope.info.read_timeout);
        let ignores_redirects = scope.is_some_and(|scope| scope.info.ignores_redirects);
        let is_followed = !(ignores_redirects || client.rules.follow_none());
        let next = is_followed.then(|| NextHop::after(request));
        Self {
            step: Step::Over,
            slot,
            limits,
            sent: None,
            awaits: None,
            read_limit: read_timeout.map(|limit| Box::new(ReadLimit::new(limit))),
            next,
            refused_at: None,
        }
    }

    /// The slot of the host that it has come to.
    pub(super) fn take_slot(&mut self) -> Option<Slot> {
        self.slot.take()
    }

    /// It is dropped before its head. With HTTP/1.1 that closes the connection it is on.
    pub(super) fn note_dropped(&self, client: &HopClient, scope: &RequestScope) {
        match scope.take_made() {
            Some(made) => made.dropped(),
            None if self.awaits.is_some() => client.connections.note_cancelled(),
            None => {}
        }
    }

    /// Whether it was sent and has no head so far.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.step, Step::Sent(_))
    }

    /// Polls for a head, and puts it where it is wanted: it is large, and would be copied by each of
    /// those who hand it on.
    pub(super) fn poll(
        &mut self,
        client: &HopClient,
        scope: Option<&RequestScope>,
        cx: &mut Context<'_>,
        head: &mut Option<Head>,
    ) -> Poll<Result<(), RequestFailure>> {
        loop {
            match &mut self.step {
                Step::Queued(queued) => {
                    let slot = ready!(queued.wait.poll(scope, cx));
                    let Step::Queued(mut queued) = std::mem::replace(&mut self.step, Step::Over)
                    else {
                        unreachable!("it was queued a moment ago");
                    };
                    self.slot = Some(slot?);
                    if let (Some(scope), Some(status)) = (scope, queued.status) {
                        note_redirected(scope, status, queued.wait.host(), &queued.request);
                    }
                    self.depart(client, scope, &mut queued.request);
                }
                Step::Sent(sending) => {
                    let response = match Pin::new(sending).poll(cx) {
                        Poll::Ready(Ok(response)) => response,
                        Poll::Ready(Err(error)) => {
                            return Poll::Ready(Err(self.fail(client, scope, error.into())));
                        }
                        Poll::Pending => {
                            let Some(limit) = &mut self.read_limit else {
                                return Poll::Pending;
                            };
                            let timeout = ready!(limit.poll(cx));
                            return Poll::Ready(Err(self.fail(client, scope, timeout.into())));
                        }
                    };
                    self.step = Step::Over;
                    let connection = client.connections.carried(&response, self.sent);
                    self.awaits = None;
                    if let Some(scope) = scope {
                        scope.count_carried(connection.connection_use);
                        if let Some(defaults) = defaults_of(scope) {
                            defaults.keep_cookies(response.headers(), response.url());
                        }
                    }
                    *head = Some(Head {
                        response,
                        connection,
                    });
                    match self.follow(client, scope, head) {
                        Ok(true) => {}
                        Ok(false) => {
                            if let Some(limit) = self.read_limit.take() {
                                limit_body(limit, head);
                            }
                            return Poll::Ready(Ok(()));
                        }
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                Step::Over => unreachable!("it is not polled again once it has ended"),
            }
        }
    }

    /// What was sent gets no head.
    fn fail(
        &mut self,
        client: &HopClient,
        scope: Option<&RequestScope>,
        failure: RequestFailure,
    ) -> RequestFailure {
        // What it was sent by goes first, and with HTTP/1.1 the connection with it.
        self.step = Step::Over;
        if let Some(scope) = scope {
            note_failure(client, scope, &failure);
        }
        // After that: what its connection waits for has been said.
        self.awaits = None;
        failure
    }

    /// Sets out for where a head redirects to. Returns whether it leads anywhere; then the head is gone.
    #[inline]
    fn follow(
        &mut self,
        client: &HopClient,
        scope: Option<&RequestScope>,
        head: &mut Option<Head>,
    ) -> Result<bool, RequestFailure> {
        let (Some(next), Some(Head { response, .. })) = (&mut self.next, &head) else {
            return Ok(false);
        };
        let (method, fragment, previous) = next.so_far();
        let redirected = match client.rules.follow(response, method, fragment, previous) {
            Ok(Some(redirected)) => redirected,
            Ok(None) => return Ok(false),
            Err(error) => return Err(self.refuse(scope, head, error)),
        };
        let status = redirected.status;
        let mut request = match next.request(&client.rules, redirected) {
            Ok(request) => Unsent::from(request),
            Err(error) => return Err(self.refuse(scope, head, error)),
        };
        end(head, scope);
        let host = client.hosts.host(request.url());
        self.go_to(client, scope, host, &mut request, Some(status));
        Ok(true)
    }

    fn refuse(
        &mut self,
        scope: Option<&RequestScope>,
        head: &mut Option<Head>,
        error: RedirectError,
    ) -> RequestFailure {
        let response = head.as_ref().map(|head| &head.response);
        self.refused_at = response.map(|response| Box::new(response.url().clone()));
        end(head, scope);
        error.into()
    }

    /// Where it failed, if that is at hand.
    pub(super) fn failed_at(&self) -> Option<&Url> {
        self.refused_at.as_deref()
    }

    /// Goes to a host: at once with a slot of it, or else into its queue.
    fn go_to(
        &mut self,
        client: &HopClient,
        scope: Option<&RequestScope>,
        host: Arc<Host>,
        request: &mut Unsent,
        status: Option<StatusCode>,
    ) {
        if let Some(scope) = scope {
            scope.set_destination(&host.origin);
        }
        let has_slot = self.slot.as_ref().is_some_and(|slot| slot.is_of(&host));
        if let Limits::Slots { queue_timeout } = self.limits
            && !has_slot
        {
            // Given back first: two requests that lead to each other's host would wait for ever.
            self.slot = None;
            self.slot = host.try_slot();
            if self.slot.is_none() {
                let left = self.next.as_ref().and_then(NextHop::time_left);
                let limit = [queue_timeout, left].into_iter().flatten().min();
                self.step = Step::Queued(Box::new(Queued {
                    wait: SlotWait::new(host, limit),
                    request: request.take().into(),
                    status,
                }));
                return;
            }
        }
        if let (Some(scope), Some(status)) = (scope, status) {
            note_redirected(scope, status, &host, request);
        }
        self.depart(client, scope, request);
    }

    /// Sends it.
    #[inline]
    fn depart(&mut self, client: &HopClient, scope: Option<&RequestScope>, request: &mut Unsent) {
        if let Some(scope) = scope {
            scope.note_attempt();
            if let Some(defaults) = defaults_of(scope) {
                // Of this hop alone: what a redirect is followed with was kept before.
                defaults.add_cookies(request);
            }
            if !scope.scope().observers.is_empty() {
                scope.note_sending(request.headers_mut());
                self.awaits = Some(client.connections.await_head());
                self.sent = Some(Instant::now());
            }
        }
        if let Some(limit) = &mut self.read_limit {
            limit.note_read();
        }
        let mut client = client.client_of(request);
        self.step = Step::Sent(client.call(request.take()));
    }
}

/// A head reaches nobody: its body is dropped, which `hyper` reads to the end if it has come.
fn end(head: &mut Option<Head>, scope: Option<&RequestScope>) {
    if let Some(scope) = scope {
        drop(scope.take_made());
    }
    if let Some(head) = head.take() {
        head.connection.end_response(head.response);
    }
}

/// A head has a body that is read within a limit.
fn limit_body(limit: Box<ReadLimit>, head: &mut Option<Head>) {
    *head = head.take().map(|head| Head {
        response: limit.of_body(head.response),
        ..head
    });
}

/// What the context of a request gives it.
fn defaults_of(scope: &RequestScope) -> Option<&Defaults> {
    scope.scope().defaults.as_deref()
}

fn note_redirected(scope: &RequestScope, status: StatusCode, host: &Host, request: &Request) {
    scope.note_redirected(&Redirect {
        status,
        url: request.url(),
        origin: &host.origin,
    });
}

/// What the failure says of the connection that it was on.
fn note_failure(client: &HopClient, scope: &RequestScope, failure: &RequestFailure) {
    let (kind, is_connect) = match failure {
        RequestFailure::Request(error) => (ErrorKind::of(error), error.is_connect()),
        // Its time is over.
        _ => (ErrorKind::Timeout, false),
    };
    match kind {
        // It is given up, and with HTTP/1.1 the connection with it.
        ErrorKind::Timeout | ErrorKind::RequestBody | ErrorKind::InvalidResponse if !is_connect => {
            match scope.take_made() {
                Some(made) => made.given_up(),
                None if scope.scope().observers.is_empty() => {}
                None => client.connections.note_cancelled(),
            }
        }
        ErrorKind::Connection | ErrorKind::ResponseEnded => {
            if let Some(made) = scope.take_made() {
                made.failed();
            }
        }
        _ => drop(scope.take_made()),
    }
}
