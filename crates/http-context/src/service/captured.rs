//! A handle of a session as a service.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Extensions;
use http_body::Body;
use tower_service::Service;

use super::convert::to_reqwest;
use crate::error::RequestError;
use crate::identity::CallSite;
use crate::session::HttpSession;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The response to a request that a session was called with.
#[must_use = "futures do nothing unless polled"]
pub struct ServiceFuture<R, E = RequestError>(Pin<Box<dyn Future<Output = Result<R, E>> + Send>>);

impl<R, E> ServiceFuture<R, E> {
    pub(super) fn new(future: impl Future<Output = Result<R, E>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<R, E> Future for ServiceFuture<R, E> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R, E> fmt::Debug for ServiceFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceFuture").finish_non_exhaustive()
    }
}

/// For SDKs that take a service of `http` requests. The body need not be `Sync`; that of the response
/// is tracked, and has the trailers. What is in the extensions of the request goes to the middleware
/// of the session, and comes back in those of the response, with what it has put there.
///
/// A request of version HTTP/2 in clear goes by prior knowledge, as gRPC does. The place of the
/// request is where the handle was acquired. The handle is one: an SDK that keeps it past the exit
/// leaks it. [`AmbientSession`](crate::AmbientSession) is for those that are made once.
impl<B> Service<http::Request<B>> for HttpSession
where
    B: Body + Send + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<reqwest::Body>;
    type Error = RequestError;
    type Future = ServiceFuture<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let at = self.acquired_at();
        ServiceFuture::new(send(self, at, request))
    }
}

/// For code that has a request of `reqwest`.
impl Service<reqwest::Request> for HttpSession {
    type Response = reqwest::Response;
    type Error = RequestError;
    type Future = ServiceFuture<reqwest::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: reqwest::Request) -> Self::Future {
        let at = self.acquired_at();
        ServiceFuture::new(self.execute_at(at, request, Extensions::new()))
    }
}

/// Sends the request by this session; `at` is its place. The handle is not kept.
pub(super) fn send<B>(
    session: &HttpSession,
    at: CallSite,
    mut request: http::Request<B>,
) -> impl Future<Output = Result<http::Response<reqwest::Body>, RequestError>> + Send + use<B>
where
    B: Body + Send + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    let extensions = std::mem::take(request.extensions_mut());
    let method = request.method().clone();
    let sent = to_reqwest(request)
        .map(|request| session.execute_returning_at(at, request, extensions))
        .map_err(|error| session.not_built(&method, error));
    async move {
        let (response, extensions) = sent?.await?;
        let mut response = http::Response::<reqwest::Body>::from(response);
        if !extensions.is_empty() {
            // What is in the response goes first.
            let ours = std::mem::replace(response.extensions_mut(), extensions);
            response.extensions_mut().extend(ours);
        }
        Ok(response)
    }
}
