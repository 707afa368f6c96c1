//! The caller's end of a request: its admission, and the future that the caller polls or drops.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll};

use http::Extensions;
use reqwest::{Request, Response};
use tokio::time::Instant;

use crate::attached::Attached;
use crate::backtrace;
use crate::error::RequestError;
use crate::exchange::Exchange;
use crate::id::RequestId;
use crate::request_info::RequestInfo;
use crate::session::{SessionHold, SessionRef};
use crate::upload::{self, Upload};
use crate::way::Way;

/// Sends a request through a session. It is admitted when the future is first polled.
pub(crate) fn execute(hold: SessionHold, request: Request, extensions: Extensions) -> Execute {
    Execute(State::Built {
        hold,
        request,
        extensions,
    })
}

/// A request as its caller holds it: dropped before the response, it is cancelled.
///
/// Written by hand, because a request is large and an `async fn` would copy it from one state into
/// the next.
pub(crate) struct Execute(State);

#[expect(
    clippy::large_enum_variant,
    reason = "it is moved before it is polled, and a box would cost more than the copy"
)]
enum State {
    Built {
        hold: SessionHold,
        request: Request,
        extensions: Extensions,
    },
    /// It could not be built.
    Refused(RequestError),
    InFlight(Arc<Exchange>),
    Over,
}

impl Execute {
    pub(crate) fn refused(error: RequestError) -> Self {
        Self(State::Refused(error))
    }
}

impl Future for Execute {
    type Output = Result<Response, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let admitted = match &self.0 {
            State::InFlight(exchange) => return exchange.poll_request(cx),
            _ => match std::mem::replace(&mut self.0, State::Over) {
                State::Built {
                    hold,
                    request,
                    extensions,
                } => admit(&hold, request, extensions),
                State::Refused(error) => Err(error),
                State::InFlight(_) | State::Over => {
                    unreachable!("a future is not polled again once it has ended")
                }
            },
        };
        match admitted {
            Ok(exchange) => {
                let polled = exchange.poll_request(cx);
                self.0 = State::InFlight(exchange);
                polled
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Execute {
    fn drop(&mut self) {
        if let State::InFlight(exchange) = &self.0 {
            exchange.drop_request();
        }
    }
}

/// Enters a request into those in flight. From then on it counts there, and no longer as one that
/// is being built.
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
        // Here, so that an exit which sees the request in flight reports it as well.
        state.totals.started();
        let info = RequestInfo {
            id: RequestId::next(),
            context: context.clone(),
            session: *id,
            method: request.method().clone(),
            host,
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
    exchange.tell(|observer| observer.request_started(&exchange.info, &request, &extensions));
    upload::track(&mut request, &exchange);
    exchange.start(Way::new(&exchange, transport, request, extensions));
    Ok(exchange)
}
