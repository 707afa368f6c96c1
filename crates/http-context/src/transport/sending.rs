//! A request in the hands of `reqwest`.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{Middleware, Next};
use tower_service::Service;

use crate::error::RequestError;
use crate::scope::CURRENT_REQUEST;

/// A request in the hands of `reqwest`, or of a chain of middleware.
///
/// The future of a client without a chain has a name, that of its `tower` service: so it needs
/// no allocation of its own here.
pub(crate) enum Sending {
    Plain(<Client as Service<Request>>::Future),
    Chain(ChainFuture),
}

type ChainFuture =
    Pin<Box<dyn Future<Output = Result<Response, reqwest_middleware::Error>> + Send>>;

impl Future for Sending {
    type Output = Result<Response, RequestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Plain(sending) => Pin::new(sending).poll(cx).map_err(RequestError::Request),
            Self::Chain(sending) => sending.as_mut().poll(cx).map_err(RequestError::from),
        }
    }
}

/// Innermost in a chain: sees each time that a request is handed to `reqwest`.
pub(super) struct CountAttempts;

#[async_trait]
impl Middleware for CountAttempts {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let _ = CURRENT_REQUEST.try_with(|request| request.note_attempt());
        next.run(request, extensions).await
    }
}
