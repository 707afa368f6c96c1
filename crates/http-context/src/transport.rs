//! What carries the requests of a session: the client, its middleware, and the slots of its hosts.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, ClientBuilder, Request, Response, redirect};
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use tokio::runtime::{self, Handle};
use tower_service::Service;

use crate::config::Config;
use crate::connection::layer::ConnectionLayer;
use crate::connection::resolve::{ObservedResolver, SystemResolver};
use crate::connection::table::ConnectionTable;
use crate::error::{BuildError, RequestError};
use crate::exchange::CURRENT_REQUEST;
use crate::host_slots::HostSlots;
use crate::observer::Observer;

/// Dropping it closes the client and its idle connections. Requests on their way keep it alive, so
/// an exit ends those first.
pub(crate) struct Transport {
    sender: Sender,
    pub(crate) hosts: HostSlots,
    pub(crate) connections: Arc<ConnectionTable>,
    /// Kept for a session that is pooled.
    runtime: Option<RuntimeMark>,
}

enum Sender {
    /// Without middleware there is no chain to walk.
    Plain(Client),
    Chain(ClientWithMiddleware),
}

impl Transport {
    pub(crate) fn build(
        config: &Config,
        observer: Option<&dyn Observer>,
    ) -> Result<Self, BuildError> {
        Self::build_from(client_builder, config, observer)
    }

    /// Builds one that outlives its context.
    pub(crate) fn build_pooled(
        config: &Config,
        observer: Option<&dyn Observer>,
    ) -> Result<Self, BuildError> {
        let checked = |config: &Config, connections| {
            let builder = client_builder(config, connections)?;
            // The builder does not tell but by its text, which names a store that is set.
            if format!("{builder:?}").contains("cookie_store: true") {
                return Err(BuildError::PooledCookies);
            }
            Ok(builder)
        };
        let mut transport = Self::build_from(checked, config, observer)?;
        transport.runtime = Some(RuntimeMark::default());
        Ok(transport)
    }

    fn build_from(
        client_builder: impl FnOnce(&Config, Arc<ConnectionTable>) -> Result<ClientBuilder, BuildError>,
        config: &Config,
        observer: Option<&dyn Observer>,
    ) -> Result<Self, BuildError> {
        let connections = Arc::new(ConnectionTable::default());
        let client = client_builder(config, Arc::clone(&connections))?
            .build()
            .map_err(|error| BuildError::Client(Arc::new(error)))?;
        let outermost = observer.and_then(Observer::middleware);
        let mut chain: Vec<Arc<dyn Middleware>> = outermost
            .into_iter()
            .chain(config.middleware.iter().cloned())
            .collect();
        let sender = if chain.is_empty() {
            Sender::Plain(client)
        } else {
            chain.push(Arc::new(CountAttempts));
            Sender::Chain(ClientWithMiddleware::new(client, chain))
        };
        Ok(Self {
            sender,
            hosts: HostSlots::new(config.max_connections_per_host),
            connections,
            runtime: None,
        })
    }

    /// Whether requests were sent on more than one runtime.
    pub(crate) fn crossed_runtimes(&self) -> bool {
        let has_crossed = |mark: &RuntimeMark| mark.has_crossed.load(Ordering::Acquire);
        self.runtime.as_ref().is_some_and(has_crossed)
    }

    /// Whether requests were sent on another runtime than the one that calls this.
    pub(crate) fn is_of_another_runtime(&self) -> bool {
        let Some(first) = self.runtime.as_ref().and_then(|mark| mark.first.get()) else {
            return false;
        };
        Handle::try_current().map_or(true, |runtime| runtime.id() != *first)
    }

    /// Sends nothing before the future is polled.
    pub(crate) fn send(&self, request: Request, mut extensions: Extensions) -> Sending {
        if let Some(mark) = &self.runtime {
            mark.note();
        }
        match &self.sender {
            Sender::Plain(client) => Sending::Plain((&*client).call(request)),
            Sender::Chain(client) => {
                let client = client.clone();
                Sending::Chain(Box::pin(async move {
                    client
                        .execute_with_extensions(request, &mut extensions)
                        .await
                }))
            }
        }
    }
}

/// A request in the hands of `reqwest`, or of a chain of middleware.
///
/// The future of a client without a chain has a name, as its `tower` service tells it: so it needs
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
struct CountAttempts;

#[async_trait]
impl Middleware for CountAttempts {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let _ = CURRENT_REQUEST.try_with(|exchange| {
            exchange.info.attempts.fetch_add(1, Ordering::Relaxed);
        });
        next.run(request, extensions).await
    }
}

/// Which runtime a session sends on: its connections live there, and nowhere else.
#[derive(Debug, Default)]
struct RuntimeMark {
    first: OnceLock<runtime::Id>,
    has_crossed: AtomicBool,
}

impl RuntimeMark {
    fn note(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let id = runtime.id();
        if *self.first.get_or_init(|| id) != id {
            self.has_crossed.store(true, Ordering::Release);
        }
    }
}

fn client_builder(
    config: &Config,
    connections: Arc<ConnectionTable>,
) -> Result<ClientBuilder, BuildError> {
    let resolver = config
        .resolver
        .as_ref()
        .map_or_else(|| Arc::new(SystemResolver::new()) as _, Arc::clone);
    let mut builder = Client::builder()
        .pool_idle_timeout(config.keep_alive)
        .redirect(observed_redirects(&config.redirects))
        .dns_resolver(Arc::new(ObservedResolver(resolver)));
    builder = match config.http_versions {
        crate::HttpVersions::All => builder,
        crate::HttpVersions::Http1 => builder.http1_only(),
        crate::HttpVersions::Http2 => builder.http2_prior_knowledge(),
    };
    for proxy in &config.proxies {
        builder = builder.proxy(proxy.clone());
    }
    if let Some(tls) = config.tls.client_config(config.http_versions)? {
        builder = builder.tls_backend_preconfigured(tls);
    }
    for configure in &config.configure {
        builder = configure(builder);
    }
    // Last, and so outermost: what a connection costs includes what other layers add.
    Ok(builder.connector_layer(ConnectionLayer(connections)))
}

/// The redirect policy, telling each redirect that it follows.
fn observed_redirects(policy: &Arc<redirect::Policy>) -> redirect::Policy {
    let policy = Arc::clone(policy);
    redirect::Policy::custom(move |attempt| {
        let (status, to) = (attempt.status(), attempt.url().clone());
        let action = policy.redirect(attempt);
        // The action is opaque but for its text, which names its kind.
        if format!("{action:?}") == "Action { inner: Follow }" {
            let _ = CURRENT_REQUEST.try_with(|exchange| exchange.note_redirected(status, &to));
        }
        action
    })
}
