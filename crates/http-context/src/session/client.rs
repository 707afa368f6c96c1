//! Clients of `reqwest_middleware` that go through a session, and none that go around it.

use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use thiserror::Error;
use tower_layer::Layer;
use tower_service::Service;

use super::execute;
use super::hold::SessionHold;
use super::no_handshake;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A client whose every request is handed to the session.
///
/// It holds neither the session's pool nor its connections, so that one which is kept keeps
/// nothing open.
pub(super) fn facade(hold: SessionHold) -> ClientWithMiddleware {
    let facade: Arc<dyn Middleware> = Arc::new(Facade(hold));
    ClientWithMiddleware::new(building_client().clone(), [facade])
}

/// Shared by all clones of one client: dropped with the last of them.
struct Facade(SessionHold);

#[async_trait]
impl Middleware for Facade {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        Ok(execute::execute_lent(self.0.clone(), request, extensions).await?)
    }
}

/// A client to build requests with. It has no pool, and refuses to connect.
pub(super) fn building_client() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let builder = Client::builder().no_proxy().connector_layer(RefuseLayer);
        builder
            .tls_backend_preconfigured(no_handshake::client_config())
            .build()
            .expect("a client without options can be built")
    });
    &CLIENT
}

#[derive(Clone)]
struct RefuseLayer;

impl<S> Layer<S> for RefuseLayer {
    type Service = Refuse<S>;

    fn layer(&self, inner: S) -> Refuse<S> {
        Refuse(inner)
    }
}

#[derive(Clone)]
struct Refuse<S>(S);

impl<S, R> Service<R> for Refuse<S>
where
    S: Service<R, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = std::future::Ready<Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        std::future::ready(Err(InnerClient.into()))
    }
}

/// A request was sent by the client that is in the one of `reqwest_middleware`.
#[derive(Debug, Error)]
#[error(
    "this `reqwest::Client` is the inner one of `HttpSession::client()`, and only builds requests: \
     send them by the `ClientWithMiddleware` itself; for code that takes a `reqwest::Client`, use \
     `HttpSession::reqwest_client()`, and for other code the session as a `tower::Service`, or an \
     adapter of `http-context-adapters`"
)]
struct InnerClient;
