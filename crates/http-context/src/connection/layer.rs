//! Sees the connections of a session being made.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::table::{Connect, ConnectionTable};
use super::{AddressPair, ConnectFailure, ConnectionInfo};
use crate::attached::Attached;
use crate::exchange::{CURRENT_REQUEST, Exchange};
use crate::host_slots::Host;
use crate::id::ConnectionId;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The layer that goes around `reqwest`'s connector.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLayer(pub(crate) Arc<ConnectionTable>);

impl<S> Layer<S> for ConnectionLayer {
    type Service = ObservedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ObservedConnector {
            shared: Arc::new(Shared {
                inner,
                table: Arc::clone(&self.0),
            }),
            ready: None,
        }
    }
}

/// A client is cloned several times for each request, and its connector with it, which is seldom
/// called. So a clone is a pointer; the connector below is cloned when it is needed.
#[derive(Debug)]
pub(crate) struct ObservedConnector<S> {
    shared: Arc<Shared<S>>,
    /// The one that is being made ready, or is.
    ready: Option<S>,
}

#[derive(Debug)]
struct Shared<S> {
    inner: S,
    table: Arc<ConnectionTable>,
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

    fn call(&mut self, request: R) -> Self::Future {
        // Called in the task of the request; the future may be finished by another task, when the
        // request was served by a connection that came free first.
        let exchange = CURRENT_REQUEST.try_with(Arc::clone).ok();
        let attempt = exchange.map(|exchange| {
            let server = exchange.hop();
            exchange.note_connect_started(&server);
            Attempt {
                server,
                exchange: Some(exchange),
                started: Instant::now(),
            }
        });
        let connector = self.ready.take();
        let mut connector = connector.unwrap_or_else(|| self.shared.inner.clone());
        Connecting {
            inner: Some(connector.call(request)),
            attempt,
            connect: Some(self.shared.table.connect()),
        }
    }
}

pin_project! {
    /// A connection being made, until it is, or its session closes. Whatever becomes of it is told
    /// exactly once, by taking `attempt`.
    pub(crate) struct Connecting<F> {
        #[pin]
        inner: Option<F>,
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
        let exchange = this
            .attempt
            .as_ref()
            .and_then(|attempt| attempt.exchange.clone());
        let (Some(inner), Some(connect)) =
            (this.inner.as_mut().as_pin_mut(), this.connect.as_mut())
        else {
            unreachable!("it is not polled again once it has ended");
        };
        let result = if connect.is_given_up(cx) {
            this.inner.set(None);
            *this.attempt = None;
            Err(exchange.map_or_else(
                || "the session of the connection was closed".into(),
                |exchange| exchange.closed().into(),
            ))
        } else {
            // Bound again, so that the resolver knows whose name it looks up in any task.
            let result = ready!(match exchange {
                Some(exchange) => CURRENT_REQUEST.sync_scope(exchange, || inner.poll(cx)),
                None => inner.poll(cx),
            });
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
    /// Taken when the end was told.
    exchange: Option<Arc<Exchange>>,
    server: Arc<Host>,
    started: Instant,
}

impl Attempt {
    fn end<C: Connection>(mut self, result: &Result<C, BoxError>, connect: &Connect) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        match result {
            Ok(connection) => {
                let info = self.opened(connection, &exchange);
                connect.opened(&info);
                exchange.note_connection_opened(&info);
            }
            Err(error) => exchange.note_connect_failed(&ConnectFailure {
                server: &self.server,
                error: &**error,
                duration: self.started.elapsed(),
            }),
        }
    }

    fn opened(&self, connection: &impl Connection, exchange: &Exchange) -> Arc<ConnectionInfo> {
        let connected = connection.connected();
        let mut extras = http::Extensions::new();
        connected.get_extras(&mut extras);
        let addresses = extras.get::<HttpInfo>().map(|info| AddressPair {
            local: info.local_addr(),
            remote: info.remote_addr(),
        });
        Arc::new(ConnectionInfo {
            id: ConnectionId::next(),
            session: exchange.info.session(),
            server: Arc::clone(&self.server),
            addresses,
            is_http2: connected.is_negotiated_h2(),
            create_duration: self.started.elapsed(),
            attached: Attached::default(),
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.note_connect_abandoned(self.started.elapsed());
        }
    }
}
