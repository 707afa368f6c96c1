//! What carries the requests of a session: the client, its middleware, and the slots of its hosts.

mod client;
mod host_slots;
mod options;
mod proxies;
mod runtime_mark;
mod sending;
mod tls;

use std::sync::Arc;

use http::Extensions;
use reqwest::{Client, ClientBuilder, Request, Response};
use reqwest_middleware::{ClientWithMiddleware, Middleware};
use tokio::time::Instant;
use tower_service::Service;

use self::client::client_builder;
use self::host_slots::HostSlots;
pub(crate) use self::host_slots::{Host, Slot};
pub use self::options::SessionOptions;
pub(crate) use self::options::with_session_setters;
use self::runtime_mark::RuntimeMark;
use self::sending::CountAttempts;
pub(crate) use self::sending::Sending;
pub use self::tls::{HttpVersions, Tls, warm_up};
use crate::connection::{ResponseConnection, SessionConnections};
use crate::error::BuildError;
use crate::observer::{Observer, Observers};

/// Dropping it closes the client and its idle connections. Requests on their way keep it alive, so
/// an exit ends those first.
pub(crate) struct Transport {
    sender: Sender,
    hosts: Arc<HostSlots>,
    pub(crate) connections: Arc<SessionConnections>,
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
        options: &SessionOptions,
        observers: &Observers,
    ) -> Result<Self, BuildError> {
        Self::build_from(options, observers, |_| Ok(()))
    }

    /// Builds one that outlives its context.
    pub(crate) fn build_pooled(
        options: &SessionOptions,
        observers: &Observers,
    ) -> Result<Self, BuildError> {
        let mut transport = Self::build_from(options, observers, |builder| {
            // The builder says so in nothing but its text, which names a store that is set.
            if format!("{builder:?}").contains("cookie_store: true") {
                return Err(BuildError::PooledCookies);
            }
            Ok(())
        })?;
        transport.runtime = Some(RuntimeMark::default());
        Ok(transport)
    }

    fn build_from(
        options: &SessionOptions,
        observers: &Observers,
        check: impl FnOnce(&ClientBuilder) -> Result<(), BuildError>,
    ) -> Result<Self, BuildError> {
        let hosts = Arc::new(HostSlots::new(options.max_connections_per_host));
        let connections = Arc::new(SessionConnections::new(options.keep_alive));
        let builder = client_builder(options, &hosts, Arc::clone(&connections))?;
        check(&builder)?;
        let client = builder
            .build()
            .map_err(|error| BuildError::Client(Arc::new(error)))?;
        let outermost = observers.iter().filter_map(Observer::middleware);
        let mut chain: Vec<Arc<dyn Middleware>> = outermost
            .chain(options.middleware.iter().cloned())
            .collect();
        let sender = if chain.is_empty() {
            Sender::Plain(client)
        } else {
            chain.push(Arc::new(CountAttempts));
            Sender::Chain(ClientWithMiddleware::new(client, chain))
        };
        Ok(Self {
            sender,
            hosts,
            connections,
            runtime: None,
        })
    }

    /// The host that a request to this URL needs a slot of.
    pub(crate) fn host(&self, url: &reqwest::Url) -> Arc<Host> {
        self.hosts.host(url)
    }

    /// Finds the connection that a response came over.
    pub(crate) fn connection_of(
        &self,
        response: &Response,
        sent: Option<Instant>,
    ) -> ResponseConnection {
        self.connections.carried(response, sent)
    }

    /// Whether requests were sent on more than one runtime.
    pub(crate) fn crossed_runtimes(&self) -> bool {
        self.runtime.as_ref().is_some_and(RuntimeMark::has_crossed)
    }

    /// Whether requests were sent on another runtime than the one that calls this.
    pub(crate) fn is_of_another_runtime(&self) -> bool {
        let runtime = self.runtime.as_ref();
        runtime.is_some_and(RuntimeMark::is_of_another_runtime)
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
