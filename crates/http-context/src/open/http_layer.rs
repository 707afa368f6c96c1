//! Runs each call of an HTTP service in a context of its own, which lasts as long as the response.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::context_body::ContextBody;
use super::future::Open;
use super::start::{Blueprint, Start};
use crate::identity::CallSite;

/// Runs each call of a service whose response is an [`http::Response`] in a context of its own, built
/// at its first request: for servers, such as those of axum, tonic and hyper.
///
/// The context is bound while the call is worked on and while the body of its response is polled, and
/// ends when that has ended or is dropped: a handler can stream on what it gets. Its exit begins after
/// the last byte, in a task of its own, so that no client waits for it; leaks are reported to the
/// observers, and a [`LeakPolicy::Panic`](crate::LeakPolicy::Panic) panics in that task. A client that
/// hangs up drops the response: the context is cancelled there and then, and with it what it has asked
/// of others.
///
/// A response with status 101 has no body. Its context lasts for as long as it has child tasks, or is
/// polled by futures in [`in_current_http_context`](crate::FutureExt::in_current_http_context): that of
/// the callback which gets the upgraded connection, say.
///
/// For jobs, whose end is their response, see [`ContextLayer`](crate::ContextLayer).
///
/// # Examples
///
/// ```
/// use http_context::{builder, http_session};
/// use tower::{Service, ServiceBuilder, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// // Streams a document of another server on, piece by piece.
/// let proxy = service_fn(async |request: http::Request<reqwest::Body>| {
///     let upstream = format!("https://files.example.com{}", request.uri().path());
///     let response = http_session()?.get(upstream).send().await?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(http::Response::<reqwest::Body>::from(response))
/// });
/// let mut service = ServiceBuilder::new().layer(builder().http_layer()).service(proxy);
/// # let call = service.call(http::Request::new(reqwest::Body::default())); drop(call);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpContextLayer {
    blueprint: Blueprint,
    opened_at: CallSite,
}

impl HttpContextLayer {
    #[track_caller]
    pub(super) fn new(blueprint: Blueprint) -> Self {
        Self {
            blueprint,
            opened_at: Location::caller(),
        }
    }
}

impl<S> Layer<S> for HttpContextLayer {
    type Service = HttpContextService<S>;

    fn layer(&self, inner: S) -> HttpContextService<S> {
        HttpContextService {
            inner,
            blueprint: self.blueprint.clone(),
            opened_at: self.opened_at,
        }
    }
}

/// The service of an [`HttpContextLayer`].
#[derive(Clone)]
pub struct HttpContextService<S> {
    inner: S,
    blueprint: Blueprint,
    opened_at: CallSite,
}

impl<S, R, B> Service<R> for HttpContextService<S>
where
    S: Service<R, Response = Response<B>>,
    B: http_body::Body,
{
    type Response = Response<ContextBody<B>>;
    type Error = S::Error;
    type Future = HttpContextFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let start = Start::job(Some(self.blueprint.clone()), self.opened_at);
        let call = WithBody {
            call: self.inner.call(request),
        };
        HttpContextFuture {
            open: Open::handing_over(start, call, Result::is_ok, hand_over),
        }
    }
}

/// The context goes on with the response.
fn hand_over<B: http_body::Body, E>(
    output: &mut Result<Response<ContextBody<B>>, E>,
    context: super::run::Running<'_>,
) {
    if let Ok(response) = output {
        let status = response.status();
        response.body_mut().take_over(status, context);
    }
}

pin_project! {
    /// The future of an [`HttpContextService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpContextFuture<F: Future> where WithBody<F>: Future {
        #[pin]
        open: Open<WithBody<F>>,
    }
}

impl<F, B, E> Future for HttpContextFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body,
{
    type Output = Result<Response<ContextBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().open.poll(cx)
    }
}

pin_project! {
    /// A call whose response has a body that a context can go on with.
    pub struct WithBody<F> {
        #[pin]
        call: F,
    }
}

impl<F, B, E> Future for WithBody<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body,
{
    type Output = Result<Response<ContextBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().call.poll(cx));
        Poll::Ready(response.map(|response| response.map(ContextBody::new)))
    }
}

impl fmt::Debug for HttpContextLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpContextLayer").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for HttpContextService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpContextService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
