//! Sees the connections of a session being made.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::connect_limit::ConnectLimit;
use super::session_connections::{Connect, SessionConnections};
use crate::error::withhold;
use crate::facts::{AddressPair, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionInfo};
use crate::identity::{Attached, ConnectionId, Origin};
use crate::scope::{CURRENT_REQUEST, RequestScope};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The layer that goes around `reqwest`'s connector.
#[derive(Clone)]
pub(crate) struct ConnectionLayer {
    pub(crate) connections: Arc<SessionConnections>,
    /// Whether HTTP/2 is spoken on every connection, with no handshake that says so.
    pub(crate) is_http2: bool,
    /// How long it may take, unless its request says otherwise.
    pub(crate) connect_timeout: Option<Duration>,
}

impl<S> Layer<S> for ConnectionLayer {
    type Service = ObservedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ObservedConnector {
            shared: Arc::new(Shared {
                inner,
                connections: Arc::clone(&self.connections),
                is_http2: self.is_http2,
                connect_timeout: self.connect_timeout,
            }),
            ready: None,
        }
    }
}

/// A client is cloned several times for each request, and its connector with it, which is seldom
/// called. So a clone is a pointer; the connector below is cloned when it is needed.
pub(crate) struct ObservedConnector<S> {
    shared: Arc<Shared<S>>,
    /// The one that is being made ready, or is.
    ready: Option<S>,
}

struct Shared<S> {
    inner: S,
    connections: Arc<SessionConnections>,
    is_http2: bool,
    connect_timeout: Option<Duration>,
}

impl<S> Clone for ObservedConnector<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: None,
        }
    }
}

impl<S, R> Service<R> for ObservedConnector<S>
where
    S: Service<R, Error = BoxError> + Clone,
    S::Response: Connection,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Connecting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let ready = self.ready.get_or_insert_with(|| self.shared.inner.clone());
        ready.poll_ready(cx)
    }

    fn call(&mut self, destination: R) -> Self::Future {
        // Called in the task of the request; the future may be finished by another task, when the
        // request was served by a connection that came free first.
        let request = CURRENT_REQUEST.try_with(Arc::clone).ok();
        let of_request = request
            .as_ref()
            .and_then(|request| request.info.connect_timeout);
        let limit = of_request.or(self.shared.connect_timeout);
        let attempt = request.map(|request| {
            let origin = request.info.destination();
            let started = ConnectStarted { origin: &origin };
            request.notify(|observer, request| observer.connect_started(request, &started));
            Attempt {
                origin,
                request: Some(request),
                is_http2: self.shared.is_http2,
                started: Instant::now(),
            }
        });
        let connector = self.ready.take();
        let mut connector = connector.unwrap_or_else(|| self.shared.inner.clone());
        Connecting {
            inner: Some(connector.call(destination)),
            limit: ConnectLimit::begin(limit),
            attempt,
            connect: Some(self.shared.connections.connect()),
        }
    }
}

pin_project! {
    /// A connection being made, until it is, or its session closes. Observers are notified of its
    /// end exactly once, by whoever takes `attempt`.
    pub(crate) struct Connecting<F> {
        #[pin]
        inner: Option<F>,
        limit: Option<ConnectLimit>,
        attempt: Option<Attempt>,
        // Dropped last: by then the socket is gone, or known.
        connect: Option<Connect>,
    }
}

impl<F, C> Future for Connecting<F>
where
    F: Future<Output = Result<C, BoxError>>,
    C: Connection,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let request = this
            .attempt
            .as_ref()
            .and_then(|attempt| attempt.request.clone());
        let (Some(inner), Some(connect)) =
            (this.inner.as_mut().as_pin_mut(), this.connect.as_mut())
        else {
            unreachable!("it is not polled again once it has ended");
        };
        let result = if connect.is_given_up(cx) {
            this.inner.set(None);
            *this.attempt = None;
            Err(request.map_or_else(
                || "the session of the connection was closed".into(),
                |request| request.closed_error().into(),
            ))
        } else {
            // Bound again, so that the resolver knows whose name it looks up in any task.
            let polled = match request {
                Some(request) => CURRENT_REQUEST.sync_scope(request, || inner.poll(cx)),
                None => inner.poll(cx),
            };
            let result = match (polled, this.limit) {
                (Poll::Ready(result), _) => result,
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some(limit)) => {
                    let timeout = ready!(limit.poll(cx));
                    // What was made of it so far goes before anybody hears of the end.
                    this.inner.set(None);
                    Err(timeout.into_io().into())
                }
            };
            if let Some(attempt) = this.attempt.take() {
                attempt.end(&result, connect);
            }
            result
        };
        *this.connect = None;
        Poll::Ready(result)
    }
}

struct Attempt {
    /// Taken by whoever notifies of the end.
    request: Option<Arc<RequestScope>>,
    origin: Arc<Origin>,
    is_http2: bool,
    started: Instant,
}

impl Attempt {
    fn end<C: Connection>(mut self, result: &Result<C, BoxError>, connect: &Connect) {
        let Some(request) = self.request.take() else {
            return;
        };
        match result {
            Ok(connection) => {
                let info = self.opened(connection, &request);
                let made = connect.made(Arc::clone(&info), &request.scope().observers);
                request.note_connection_opened(&info, Arc::clone(&made) as _);
                // After that, so that its close is no news before its open.
                connect.enter(&made);
            }
            Err(error) => {
                // A resolver or a connector of others may write what it was given into it.
                let is_observed = !request.scope().observers.is_empty();
                let withheld = is_observed.then(|| withhold(&**error, &request.secrets()));
                let withheld = withheld.flatten();
                let failure = ConnectFailure {
                    origin: &self.origin,
                    error: withheld.as_ref().map_or(&**error, |withheld| withheld as _),
                    duration: self.started.elapsed(),
                };
                request.notify(|observer, request| observer.connect_failed(request, &failure));
            }
        }
    }

    fn opened(&self, connection: &impl Connection, request: &RequestScope) -> Arc<ConnectionInfo> {
        let now = Instant::now();
        let connected = connection.connected();
        let mut extras = http::Extensions::new();
        connected.get_extras(&mut extras);
        let addresses = extras.get::<HttpInfo>().map(|info| AddressPair {
            local: info.local_addr(),
            remote: info.remote_addr(),
        });
        Arc::new(ConnectionInfo {
            id: ConnectionId::next(),
            session: request.info.session(),
            origin: Arc::clone(&self.origin),
            addresses,
            is_http2: self.is_http2 || connected.is_negotiated_h2(),
            create_duration: now.duration_since(self.started),
            opened: now,
            attached: Attached::default(),
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            let abandoned = ConnectAbandoned {
                origin: &self.origin,
                duration: self.started.elapsed(),
            };
            request.notify(|observer, request| observer.connect_abandoned(request, &abandoned));
        }
    }
}
