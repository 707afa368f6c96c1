//! What stands between a request and its server, and makes or wraps errors.

use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

/// The middleware of `reqwest-retry`, which wraps what it gives up on.
pub(crate) fn retries(times: u32) -> RetryTransientMiddleware<ExponentialBackoff> {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::from_millis(1), Duration::from_millis(2))
        .build_with_max_retries(times);
    RetryTransientMiddleware::new_with_policy(policy)
}

/// Changes the error of what is further in.
pub(crate) struct Wrap(pub(crate) fn(reqwest_middleware::Error) -> reqwest_middleware::Error);

#[async_trait]
impl Middleware for Wrap {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        next.run(request, extensions).await.map_err(self.0)
    }
}

/// Refuses each request, with a text made from it.
pub(crate) struct Refuse(pub(crate) fn(&Request) -> String);

#[async_trait]
impl Middleware for Refuse {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        let refused = Refused((self.0)(&request));
        Err(reqwest_middleware::Error::middleware(refused))
    }
}

#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A resolver that finds no name, and says this.
pub(crate) struct NoNames(pub(crate) &'static str);

impl Resolve for NoNames {
    fn resolve(&self, _: Name) -> Resolving {
        let error = std::io::Error::other(self.0);
        Box::pin(std::future::ready(Err(error.into())))
    }
}
