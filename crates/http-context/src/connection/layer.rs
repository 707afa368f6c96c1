//! The layers that go around the connectors of `reqwest`, and see connections being made.
//!
//! A client is cloned several times for each request, and its connector with it, which is seldom
//! called. So that of a session is nothing at all ([`SessionConnector`]): what it connects with stands
//! in [`Connectors`], where the request that asks for a connection has it. A plain client sends requests
//! that know of no session, and its connector carries what it connects with ([`PlainConnector`]).

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use thiserror::Error;
use tower::util::Oneshot;
use tower_layer::Layer;
use tower_service::Service;

use super::connect_limit::ConnectLimit;
use super::connecting::{Asker, Attempt, Connecting};
use super::session_connections::SessionConnections;
use crate::scope::{Connectors, PlainConnect, PlainScope};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What connections of one client are made with.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    pub(crate) connections: Arc<SessionConnections>,
    /// Whether HTTP/2 is spoken on every connection, with no handshake that says so.
    pub(crate) is_http2: bool,
    /// How long it may take, unless its request says otherwise.
    pub(crate) connect_timeout: Option<Duration>,
}

impl ConnectOptions {
    /// Makes a connection to the destination with a connector of `reqwest`.
    fn connect<S, R>(
        &self,
        connector: S,
        destination: R,
        asker: Option<Asker>,
    ) -> Connecting<Oneshot<S, R>>
    where
        S: Service<R>,
    {
        let of_asker = asker.as_ref().and_then(Asker::connect_timeout);
        let limit = ConnectLimit::begin(of_asker.or(self.connect_timeout));
        let attempt = asker.map(|asker| Attempt::begin(asker, self.is_http2));
        let connect = self.connections.connect();
        Connecting::new(
            Oneshot::new(connector, destination),
            limit,
            attempt,
            connect,
        )
    }
}

/// Around the connector of a client of a session, of which there are several: each is at its own
/// place among the connectors.
#[derive(Clone)]
pub(crate) struct SessionLayer<const AT: usize> {
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) options: ConnectOptions,
}

impl<S: Send + Sync + 'static, const AT: usize> Layer<S> for SessionLayer<AT> {
    type Service = SessionConnector<S, AT>;

    fn layer(&self, inner: S) -> Self::Service {
        let options = self.options.clone();
        self.connectors.set::<AT>(Placed { inner, options });
        SessionConnector(PhantomData)
    }
}

/// A connector in its place.
struct Placed<S> {
    inner: S,
    options: ConnectOptions,
}

/// No more than a name for what is in its place: to clone it takes neither memory nor time.
pub(crate) struct SessionConnector<S, const AT: usize>(PhantomData<fn() -> S>);

impl<S, const AT: usize> Clone for SessionConnector<S, AT> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<S, R, const AT: usize> Service<R> for SessionConnector<S, AT>
where
    S: Service<R, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Response: Connection,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Connecting<Oneshot<S, R>>;

    /// The one in its place is made ready before it is called.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: R) -> Self::Future {
        // Called in the task of the request; the future may be finished by another task, when the
        // request was served by a connection that came free first.
        let (connectors, request) = Connectors::current();
        match connectors
            .as_ref()
            .and_then(|all| all.at::<AT, Placed<S>>())
        {
            Some(Placed { inner, options }) => {
                let asker = request.map(Asker::Request);
                options.connect(inner.clone(), destination, asker)
            }
            None => Connecting::refused(NoSession.into()),
        }
    }
}

/// Nobody can send by the client of a session but the session.
#[derive(Debug, Error)]
#[error("a connection of a session was asked for by no request of it")]
struct NoSession;

/// Around the connector of a plain client.
#[derive(Clone)]
pub(crate) struct PlainLayer {
    pub(crate) owner: PlainOwner,
    pub(crate) options: ConnectOptions,
}

/// Whose the connections of a plain client are.
#[derive(Clone)]
pub(crate) struct PlainOwner {
    pub(crate) scope: Arc<PlainScope>,
    /// Dropped with the last clone of the client, and the last of its requests that is under way.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) hold: Arc<dyn Any + Send + Sync>,
}

impl<S> Layer<S> for PlainLayer {
    type Service = PlainConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        PlainConnector(Arc::new(Owned { inner, layer }))
    }
}

pub(crate) struct PlainConnector<S>(Arc<Owned<S>>);

struct Owned<S> {
    inner: S,
    layer: PlainLayer,
}

impl<S> Clone for PlainConnector<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, R> Service<R> for PlainConnector<S>
where
    S: Service<R, Error = BoxError> + Clone,
    S::Response: Connection,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Connecting<Oneshot<S, R>>;

    /// The one below is made ready before it is called.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: R) -> Self::Future {
        let Owned { inner, layer } = &*self.0;
        // Whatever request of a session this task works on besides.
        let connect = PlainConnect::new(Arc::clone(&layer.owner.scope));
        let asker = Asker::Plain(Arc::new(connect));
        let options = &layer.options;
        options.connect(inner.clone(), destination, Some(asker))
    }
}
