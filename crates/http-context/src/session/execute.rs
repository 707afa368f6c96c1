//! The caller's end of a request: its admission, and the future that the caller polls or drops.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll};

use http::Extensions;
use parking_lot::Mutex;
use reqwest::{Request, Response};
use tokio::time::Instant;

use super::draft::{Draft, OwnOptions};
use super::hold::{SessionHold, SessionRef};
use crate::caller::Caller;
use crate::error::{FailedRequest, KeptRequest, RequestError, RequestFailure};
use crate::exchange::{Dispatch, Exchange, track_request_body};
use crate::facts::{RequestInfo, Upload};
use crate::identity::{Attached, RequestId};
use crate::leak::sampled_backtrace;
use crate::scope::RequestScope;
use crate::transport::{Host, LentExtensions, Transport, Unsent};

/// Sends a request through a session. It is admitted when the future is first polled.
pub(super) fn execute(hold: SessionHold, request: Request, extensions: LentExtensions) -> Execute {
    let mut draft = Draft::of(request);
    draft.extensions = extensions;
    Execute::new(hold, draft)
}

/// As [`execute`]; what the middleware has put into the extensions is there for their owner once the
/// future ends, or is dropped.
pub(super) async fn execute_lent(
    hold: SessionHold,
    request: Request,
    extensions: &mut Extensions,
) -> Result<Response, RequestError> {
    let (lent, loan) = LentExtensions::lend(extensions);
    let result = execute(hold, request, lent).await;
    loan.returned().await;
    result
}

/// A request as its caller holds it: dropped before the response, it is cancelled.
///
/// Written by hand, because an `async fn` would copy what it has from one state into the next.
pub(super) struct Execute {
    /// Until it is admitted.
    unsent: Option<(SessionHold, Box<Draft>)>,
    /// From its admission to its end.
    exchange: Option<Arc<Exchange>>,
    /// Whether a response whose status is an error is one.
    fails_on_status: bool,
}

impl Execute {
    #[inline]
    pub(super) fn new(hold: SessionHold, draft: Box<Draft>) -> Self {
        Self {
            unsent: Some((hold, draft)),
            exchange: None,
            fails_on_status: false,
        }
    }

    #[inline]
    pub(super) fn failing_on_status(mut self, fails: bool) -> Self {
        self.fails_on_status = fails;
        self
    }

    /// Admits the request and sends it on its way.
    #[inline]
    fn begin(&mut self) -> Result<(), RequestError> {
        // Its hold counts until the end of this.
        let Some((hold, mut draft)) = self.unsent.take() else {
            panic!("the future of a request polled after it has ended");
        };
        draft.check(&hold.session)?;
        let (exchange, admitted) = admit(&hold, &draft.request, draft.own)?;
        // From here on the request ends with this future, also by a panic in what follows.
        let exchange = self.exchange.insert(exchange);
        let extensions = std::mem::take(&mut draft.extensions);
        admitted.start(exchange, &mut draft.request, extensions);
        Ok(())
    }
}

impl Future for Execute {
    type Output = Result<Response, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.exchange.is_none() {
            this.begin()?;
        }
        let Some(exchange) = &this.exchange else {
            unreachable!("it has begun");
        };
        let polled = exchange.poll_request(cx);
        if polled.is_ready() {
            exchange.drop_request();
            let failed = match &polled {
                Poll::Ready(Ok(response)) if this.fails_on_status => failure(exchange, response),
                _ => None,
            };
            this.exchange = None;
            if let Some(error) = failed {
                return Poll::Ready(Err(error));
            }
        }
        polled
    }
}

/// What a response is whose status is an error.
fn failure(exchange: &Exchange, response: &Response) -> Option<RequestError> {
    let error = response.error_for_status_ref().err()?;
    // That of the last hop, without secrets.
    let url = error.url().cloned();
    Some(exchange.failed(url.as_ref(), error.into()))
}

impl Drop for Execute {
    fn drop(&mut self) {
        if let Some(exchange) = &self.exchange {
            exchange.drop_request();
        }
    }
}

/// What an admitted request is sent with.
struct Admitted {
    transport: Arc<Transport>,
    host: Arc<Host>,
}

/// Enters a request into those in flight. From then on it counts there, and no longer as one that
/// is being built.
fn admit(
    hold: &SessionHold,
    request: &Request,
    own: OwnOptions,
) -> Result<(Arc<Exchange>, Admitted), RequestError> {
    let SessionRef { sessions, id } = &hold.session;
    let redaction = &sessions.scope().info.redaction;
    let closed = || {
        let failed = FailedRequest {
            redaction,
            method: Some(request.method()),
            url: Some(request.url()),
            origin: None,
            credentials: &[],
        };
        let closed = sessions.scope().session_closed_error(*id);
        RequestError::of(failed, RequestFailure::SessionClosed(closed))
    };
    let transport = sessions.transport().ok_or_else(closed)?;
    let host = transport.host(request.url());
    let is_kept = transport.has_chain() || redaction.has_secret(request.url());
    let info = || RequestInfo {
        id: RequestId::next(),
        context: Arc::clone(sessions.scope()) as _,
        session: *id,
        method: request.method().clone(),
        origin: Arc::clone(&host.origin),
        kept: is_kept.then(|| Box::new(KeptRequest::of(request))),
        call_site: hold.call_site,
        caller: Caller::current(),
        started: Instant::now(),
        backtrace: sampled_backtrace(),
        upload: Upload::default(),
        read_timeout: own.read_timeout.or(transport.read_timeout()),
        connect_timeout: own.connect_timeout,
        ignores_redirects: own.ignores_redirects,
        destination: Mutex::default(),
        attempts: AtomicU32::new(0),
        attached: Attached::default(),
    };
    let exchange = sessions
        .requests
        .admit(|| hold.session.is_open(), transport.connectors(), info)
        .ok_or_else(closed)?;
    Ok((exchange, Admitted { transport, host }))
}

impl Admitted {
    /// Sends it on its way, from where it stands: to the queue of its host, or to `reqwest`.
    #[inline]
    fn start(self, exchange: &Arc<Exchange>, request: &mut Unsent, extensions: LentExtensions) {
        let Self { transport, host } = self;
        let scope: Arc<RequestScope> = Arc::clone(exchange) as _;
        exchange.notify(|observer, info| observer.request_started(info, request, &extensions));
        track_request_body(request, &scope);
        let queue_timeout = exchange.driver.requests.options.queue_timeout;
        exchange.start(Dispatch::new(
            &scope,
            host,
            queue_timeout,
            transport,
            request,
            extensions,
        ));
    }
}
