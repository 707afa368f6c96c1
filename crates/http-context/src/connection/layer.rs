//! Sees the connections of a session being made.

use std::any::Any;
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
use crate::error::{SessionClosed, withhold};
use crate::facts::{AddressPair, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionInfo};
use crate::identity::{Attached, ConnectionId, Origin};
use crate::scope::{CURRENT_CONNECT, CURRENT_REQUEST, PlainConnect, PlainScope, RequestScope};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The layer that goes around `reqwest`'s connector.
#[derive(Clone)]
pub(crate) struct ConnectionLayer {
    pub(crate) connections: Arc<SessionConnections>,
    /// Whether HTTP/2 is spoken on every connection, with no handshake that says so.
    pub(crate) is_http2: bool,
    /// How long it may take, unless its request says otherwise.
    pub(crate) connect_timeout: Option<Duration>,
    /// Of the connector of a plain client.
    pub(crate) plain: Option<PlainOwner>,
}

/// Whose the connections of a plain client are.
#[derive(Clone)]
pub(crate) struct PlainOwner {
    pub(crate) scope: Arc<PlainScope>,
    /// Dropped with the last clone of the client, and the last of its requests that is under way.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) hold: Arc<dyn Any + Send + Sync>,
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
                plain: self.plain.clone(),
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
    plain: Option<PlainOwner>,
}

impl<S> Shared<S> {
    /// Who asks for a connection, in this task.
    fn asker(&self) -> Option<Asker> {
        if let Some(owner) = &self.plain {
            // Whatever request of a session this task works on besides.
            let connect = PlainConnect::new(Arc::clone(&owner.scope));
            return Some(Asker::Plain(Arc::new(connect)));
        }
        CURRENT_REQUEST
            .try_with(Arc::clone)
            .ok()
            .map(Asker::Request)
    }
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
        let asker = self.shared.asker();
        let of_request = asker.as_ref().and_then(Asker::connect_timeout);
        let limit = of_request.or(self.shared.connect_timeout);
        let connector = self.ready.take();
        let mut connector = connector.unwrap_or_else(|| self.shared.inner.clone());
        let attempt = asker.map(|asker| Attempt::begin(asker, self.shared.is_http2));
        let inner = match &attempt {
            // It asks for the proxy to take.
            Some(attempt) => attempt.bind(|| connector.call(destination)),
            None => connector.call(destination),
        };
        Connecting {
            inner: Some(inner),
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
        let (Some(inner), Some(connect)) =
            (this.inner.as_mut().as_pin_mut(), this.connect.as_mut())
        else {
            unreachable!("it is not polled again once it has ended");
        };
        let result = if connect.is_given_up(cx) {
            this.inner.set(None);
            Err(this.attempt.take().map_or_else(
                || "the session of the connection was closed".into(),
                |attempt| attempt.closed_error().into(),
            ))
        } else {
            // Bound again, so that the resolver knows whose name it looks up in any task.
            let polled = match this.attempt {
                Some(attempt) => attempt.bind(|| inner.poll(cx)),
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
            let closed = match this.attempt.take() {
                Some(attempt) => attempt.end(&result, connect),
                None => None,
            };
            closed.map_or(result, |closed| Err(closed.into()))
        };
        *this.connect = None;
        Poll::Ready(result)
    }
}

/// Who asks for a connection.
#[derive(Clone)]
enum Asker {
    Request(Arc<RequestScope>),
    Plain(Arc<PlainConnect>),
}

impl Asker {
    /// How long it waits for one, where it says so.
    fn connect_timeout(&self) -> Option<Duration> {
        match self {
            Self::Request(request) => request.info.connect_timeout,
            Self::Plain(_) => None,
        }
    }
}

struct Attempt {
    asker: Asker,
    /// Whether observers have yet to be notified of its end.
    is_open: bool,
    /// Of a request; a plain client is asked for it later.
    origin: Option<Arc<Origin>>,
    is_http2: bool,
    started: Instant,
}

impl Attempt {
    fn begin(asker: Asker, is_http2: bool) -> Self {
        let origin = match &asker {
            Asker::Request(request) => {
                let origin = request.info.destination();
                let started = ConnectStarted { origin: &origin };
                request.notify(|observer, request| observer.connect_started(request, &started));
                Some(origin)
            }
            Asker::Plain(_) => None,
        };
        Self {
            asker,
            is_open: true,
            origin,
            is_http2,
            started: Instant::now(),
        }
    }

    /// For what works for it, and is not given it.
    fn bind<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.asker {
            Asker::Request(request) => CURRENT_REQUEST.sync_scope(Arc::clone(request), work),
            Asker::Plain(connect) => CURRENT_CONNECT.sync_scope(Arc::clone(connect), work),
        }
    }

    fn closed_error(&self) -> SessionClosed {
        match &self.asker {
            Asker::Request(request) => request.closed_error(),
            Asker::Plain(connect) => connect.plain.closed_error(),
        }
    }

    /// Gives an error, if nobody is to have the connection that was made.
    fn end<C: Connection>(
        mut self,
        result: &Result<C, BoxError>,
        connect: &Connect,
    ) -> Option<SessionClosed> {
        self.is_open = false;
        let scope = match &self.asker {
            Asker::Request(request) => request.scope(),
            Asker::Plain(connect) => &connect.plain.scope,
        };
        match result {
            Ok(connection) => {
                let info = self.opened(connection);
                let made = connect.made(Arc::clone(&info), &scope.observers);
                match &self.asker {
                    Asker::Request(request) => {
                        request.note_connection_opened(&info, Arc::clone(&made) as _);
                    }
                    Asker::Plain(connect) => connect.note_opened(&info),
                }
                // After that, so that its close is no news before its open.
                connect.enter(&made);
                // A request of a session that closes is ended by that. This one would go on, and
                // whoever closes the session has cut off what was entered by then.
                if matches!(self.asker, Asker::Plain(_)) && connect.is_closed() {
                    return Some(self.closed_error());
                }
            }
            Err(_) if scope.observers.is_empty() => {}
            Err(error) => {
                // A resolver or a connector of others may write what it was given into it.
                let withheld = match &self.asker {
                    Asker::Request(request) => withhold(&**error, &request.secrets()),
                    Asker::Plain(connect) => withhold(&**error, &connect.plain.secrets()),
                };
                let origin = self.origin(None);
                let failure = ConnectFailure {
                    origin: &origin,
                    error: withheld.as_ref().map_or(&**error, |withheld| withheld as _),
                    duration: self.started.elapsed(),
                };
                match &self.asker {
                    Asker::Request(request) => request
                        .notify(|observer, request| observer.connect_failed(request, &failure)),
                    Asker::Plain(connect) => connect.plain.note_connect_failed(&failure),
                }
            }
        }
        None
    }

    fn opened(&self, connection: &impl Connection) -> Arc<ConnectionInfo> {
        let now = Instant::now();
        let connected = connection.connected();
        let mut extras = http::Extensions::new();
        connected.get_extras(&mut extras);
        let addresses = extras.get::<HttpInfo>().map(|info| AddressPair {
            local: info.local_addr(),
            remote: info.remote_addr(),
        });
        let (session, plain) = match &self.asker {
            Asker::Request(request) => (request.info.session(), None),
            Asker::Plain(connect) => (connect.plain.session, Some(connect.plain.call_site)),
        };
        Arc::new(ConnectionInfo {
            id: ConnectionId::next(),
            session,
            plain,
            origin: self.origin(addresses),
            addresses,
            is_http2: self.is_http2 || connected.is_negotiated_h2(),
            create_duration: now.duration_since(self.started),
            opened: now,
            attached: Attached::default(),
        })
    }

    fn origin(&self, addresses: Option<AddressPair>) -> Arc<Origin> {
        if let Some(origin) = &self.origin {
            return Arc::clone(origin);
        }
        let Asker::Plain(connect) = &self.asker else {
            unreachable!("that of a request is known");
        };
        let peer = addresses.map(|pair| pair.remote);
        connect.origin().unwrap_or_else(|| match peer {
            Some(peer) => connect.origin_of(&peer.ip().to_string(), peer.port()),
            None => connect.origin_of("unknown", 0),
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let (true, Asker::Request(request), Some(origin)) =
            (self.is_open, &self.asker, &self.origin)
        {
            let abandoned = ConnectAbandoned {
                origin,
                duration: self.started.elapsed(),
            };
            request.notify(|observer, request| observer.connect_abandoned(request, &abandoned));
        }
    }
}
