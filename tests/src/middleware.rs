//! What a test puts between a session and its transport.

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

/// Changes each request on its way, by what was handed to the middleware with it.
pub struct Edit<F>(pub F);

#[async_trait::async_trait]
impl<F> Middleware for Edit<F>
where
    F: Fn(&mut Request, &Extensions) + Send + Sync + 'static,
{
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.0(&mut request, extensions);
        next.run(request, extensions).await
    }
}

/// One that changes nothing, for what is so behind any.
pub fn edits_nothing() -> impl Middleware {
    Edit(|_: &mut Request, _: &Extensions| {})
}
