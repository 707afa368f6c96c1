//! The way of a request: admission, the queue for a host slot, middleware, `reqwest`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll};

use http::Extensions;
use reqwest::{Request, Response};
use tokio::time::Instant;

use crate::attached::Attached;
use crate::backtrace;
use crate::context::HttpContext;
use crate::error::RequestError;
use crate::exchange::{Answer, CURRENT_REQUEST, Exchange, RequestFuture};
use crate::host_slots::{Host, Slot};
use crate::id::RequestId;
use crate::request_info::RequestInfo;
use crate::session::{SessionHold, SessionRef};
use crate::transport::Transport;
use crate::upload::{self, Upload};

/// Sends a request through a session. It is admitted when the future is first polled.
pub(crate) async fn execute(
    hold: SessionHold,
    request: Request,
    extensions: Extensions,
) -> Result<Response, RequestError> {
    let exchange = admit(&hold, request, extensions)?;
    // From here on it counts as a request in flight, and no longer as one being built.
    drop(hold);
    InFlightRequest(exchange).await
}

fn admit(
    hold: &SessionHold,
    mut request: Request,
    extensions: Extensions,
) -> Result<Arc<Exchange>, RequestError> {
    let SessionRef { context, id } = &hold.session;
    let state = hold.session.state();
    let closed = || context.session_closed_error(*id);
    let transport = state.transport().ok_or_else(closed)?;
    let host = transport.hosts.host(request.url());
    let info = |key| {
        let info = RequestInfo {
            id: RequestId::next(),
            context: context.clone(),
            session: *id,
            method: request.method().clone(),
            host: Arc::clone(&host),
            place: hold.place,
            started: Instant::now(),
            backtrace: backtrace::sampled(),
            upload: Upload::default(),
            attempts: AtomicU32::new(0),
            attached: Attached::default(),
        };
        Exchange::new(info, key)
    };
    let exchange = state
        .in_flight
        .admit(|| hold.session.is_open(), info)
        .ok_or_else(closed)?;
    state.totals.started();
    exchange.tell(|observer| observer.request_started(&exchange.info, &request, &extensions));
    upload::track(&mut request, &exchange);
    exchange.start(on_its_way(
        context.clone(),
        transport,
        host,
        request,
        extensions,
    ));
    Ok(exchange)
}

fn on_its_way(
    context: HttpContext,
    transport: Arc<Transport>,
    host: Arc<Host>,
    mut request: Request,
    mut extensions: Extensions,
) -> RequestFuture {
    Box::pin(async move {
        let slot = match host.try_slot() {
            Some(slot) => slot,
            None => queue_for_slot(&context, &host).await?,
        };
        let _ = CURRENT_REQUEST.try_with(|exchange| exchange.note_sending(request.headers_mut()));
        match transport.send(request, &mut extensions).await {
            Ok((response, carrier)) => Ok(Answer {
                response,
                carrier,
                slot,
            }),
            Err(RequestError::Request(error)) => Err(RequestError::Request(
                context.redaction().redact_error(error),
            )),
            Err(error) => Err(error),
        }
    })
}

async fn queue_for_slot(context: &HttpContext, host: &Arc<Host>) -> Result<Slot, RequestError> {
    let queued = Instant::now();
    context.tell(|observer| {
        let _ = CURRENT_REQUEST.try_with(|exchange| observer.request_queued(&exchange.info));
    });
    let slot = match context.inner().config.queue_timeout {
        None => host.slot().await,
        Some(limit) => tokio::time::timeout(limit, host.slot())
            .await
            .map_err(|_| RequestError::QueueTimeout {
                host: host.to_string(),
                limit: host.limit(),
                waited: queued.elapsed(),
            })?,
    };
    context.tell(|observer| {
        let waited = queued.elapsed();
        let _ =
            CURRENT_REQUEST.try_with(|exchange| observer.request_dequeued(&exchange.info, waited));
    });
    Ok(slot)
}

/// The caller's end of a request: dropped before the response, it cancels the request.
struct InFlightRequest(Arc<Exchange>);

impl Future for InFlightRequest {
    type Output = Result<Response, RequestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_request(cx)
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.0.drop_request();
    }
}
