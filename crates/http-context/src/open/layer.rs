//! Runs each call of a tower service in a context of its own.

use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::future::Open;
use super::start::{Blueprint, Start};
use crate::identity::CallSite;

/// Runs each call of a service in a context of its own, built at its first request: for job
/// queues (apalis), servers (axum, tonic) and every other tower service.
///
/// The context is bound while the future of the call is polled. So the layer must stand *inside*
/// of whatever spawns that future as a task. With apalis that is
/// `.parallelize(tokio::spawn).layer(…)`, in this order: the other way around, the handler runs in
/// a task that the context was not carried to.
///
/// A context ends when the call returns its response. A response body that is still streamed then
/// is not part of it: for servers there is
/// [`http_layer`](crate::ContextBuilder::http_layer).
///
/// # Examples
///
/// ```
/// use http_context::{builder, http_session};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::convert::Infallible> {
/// let mut service = ServiceBuilder::new()
///     .layer(builder().layer())
///     .service(service_fn(async |()| Ok::<_, std::convert::Infallible>(http_session().is_ok())));
///
/// assert!(service.ready().await?.call(()).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ContextLayer {
    blueprint: Blueprint,
    opened_at: CallSite,
}

impl ContextLayer {
    #[track_caller]
    pub(super) fn new(blueprint: Blueprint) -> Self {
        Self {
            blueprint,
            opened_at: Location::caller(),
        }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> ContextService<S> {
        ContextService {
            inner,
            blueprint: self.blueprint.clone(),
            opened_at: self.opened_at,
        }
    }
}

/// The service of a [`ContextLayer`].
#[derive(Clone)]
pub struct ContextService<S> {
    inner: S,
    blueprint: Blueprint,
    opened_at: CallSite,
}

impl<S, R> Service<R> for ContextService<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Open<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let start = Start::job(Some(self.blueprint.clone()), self.opened_at);
        Open::new(start, self.inner.call(request), Result::is_ok)
    }
}

impl fmt::Debug for ContextLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextLayer").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for ContextService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
