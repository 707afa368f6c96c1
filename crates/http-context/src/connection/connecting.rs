//! A connection being made.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::connect_limit::ConnectLimit;
use super::session_connections::Connect;
use crate::error::{SessionClosed, withhold};
use crate::facts::{AddressPair, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionInfo};
use crate::identity::{Attached, ConnectionId, Origin};
use crate::scope::{CURRENT_CONNECT, CURRENT_REQUEST, PlainConnect, RequestScope};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
        refused: Option<BoxError>,
    }
}

impl<F> Connecting<F> {
    pub(super) fn new(
        inner: F,
        limit: Option<ConnectLimit>,
        attempt: Option<Attempt>,
        connect: Connect,
    ) -> Self {
        Self {
            inner: Some(inner),
            limit,
            attempt,
            connect: Some(connect),
            refused: None,
        }
    }

    /// None is made.
    pub(super) fn refused(error: BoxError) -> Self {
        Self {
            inner: None,
            limit: None,
            attempt: None,
            connect: None,
            refused: Some(error),
        }
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
        if let Some(error) = this.refused.take() {
            return Poll::Ready(Err(error));
        }
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
pub(super) enum Asker {
    Request(Arc<RequestScope>),
    Plain(Arc<PlainConnect>),
}

impl Asker {
    /// How long it waits for one, where it says so.
    pub(super) fn connect_timeout(&self) -> Option<Duration> {
        match self {
            Self::Request(request) => request.info.connect_timeout,
            Self::Plain(_) => None,
        }
    }
}

pub(super) struct Attempt {
    asker: Asker,
    /// Whether observers have yet to be notified of its end.
    is_open: bool,
    /// Of a request; a plain client is asked for it later.
    origin: Option<Arc<Origin>>,
    is_http2: bool,
    started: Instant,
}

impl Attempt {
    pub(super) fn begin(asker: Asker, is_http2: bool) -> Self {
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
