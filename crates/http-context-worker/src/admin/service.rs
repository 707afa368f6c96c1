//! The endpoint as a service, for a server of somebody else.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::AdminState;
use super::answers::{Answer, answer};
use super::host::Hosts;

/// An [`Admin`](crate::Admin) endpoint as a `tower` service that never fails and is always ready.
///
/// It answers requests whose `Host` is localhost or an address of loopback, and those for the hosts that it
/// is told of. So a web page whose name leads to this server (DNS rebinding) reads nothing.
///
/// # Examples
///
/// In an axum router, under a path of one's own, on a server that people reach as `shop.internal`:
///
/// ```
/// use axum::Router;
/// use http_context_worker::Admin;
///
/// # fn render() -> String { String::new() }
/// let admin = Admin::new("shop", render).service().host("shop.internal");
/// let router: Router = Router::new().nest_service("/admin", admin);
/// ```
#[derive(Clone)]
pub struct AdminService {
    state: Arc<AdminState>,
    hosts: Hosts,
}

impl AdminService {
    pub(super) fn new(state: Arc<AdminState>) -> Self {
        Self {
            state,
            hosts: Hosts::default(),
        }
    }

    /// Answers requests for this host as well: a name or an address, without a port.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.add(&host.into());
        self
    }

    /// Answers requests for any host. For servers that only see requests which something before them has
    /// let through by their `Host`.
    #[must_use]
    pub fn any_host(mut self) -> Self {
        self.hosts = Hosts::Any;
        self
    }
}

impl<B> Service<Request<B>> for AdminService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.state.look_at_latency();
        let (state, hosts) = (Arc::clone(&self.state), self.hosts.clone());
        async move { Ok(answer(request, &hosts, &state).await) }.boxed()
    }
}

impl fmt::Debug for AdminService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminService")
            .field("name", &self.state.name)
            .field("hosts", &self.hosts)
            .finish()
    }
}
