//! Runs each call of a tower service in a context of its own.

use std::panic::Location;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::builder::ContextBuilder;
use crate::open::Open;
use crate::place::Place;

/// Runs each call of a service in a context of its own, built at its first request: for job
/// queues (apalis), servers (axum, tonic) and every other tower service.
///
/// The context is bound while the future of the call is polled. So the layer must stand *inside*
/// of whatever spawns that future as a task. With apalis that is
/// `.parallelize(tokio::spawn).layer(…)`, in this order: the other way around, the handler runs in
/// a task that the context was not carried to.
///
/// A context ends when the call returns its response. A response body that is still streamed then
/// is not part of it.
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
#[derive(Clone, Debug)]
pub struct ContextLayer {
    builder: ContextBuilder,
    place: Place,
}

impl ContextLayer {
    #[track_caller]
    pub(crate) fn new(builder: ContextBuilder) -> Self {
        Self {
            builder,
            place: Location::caller(),
        }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> ContextService<S> {
        ContextService {
            inner,
            builder: self.builder.clone(),
            place: self.place,
        }
    }
}

/// The service of a [`ContextLayer`].
#[derive(Clone, Debug)]
pub struct ContextService<S> {
    inner: S,
    builder: ContextBuilder,
    place: Place,
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
        Open::job(
            self.builder.clone(),
            self.inner.call(request),
            self.place,
            Result::is_ok,
        )
    }
}
