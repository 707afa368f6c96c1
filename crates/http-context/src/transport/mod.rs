//! What carries the requests of a session: the client, its middleware, and the slots of its hosts.

mod chain;
mod chained_body;
mod client;
mod configured;
mod cookies;
mod extensions;
mod follow;
mod hop_client;
mod host_slots;
mod next_hop;
mod options;
mod plain;
mod provider;
mod proxies;
mod read_limit;
mod redirect;
mod replace_body;
mod runtime_mark;
mod sending;
mod slot_wait;
mod tls;
mod trust;
mod unsent;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest_middleware::{ClientWithMiddleware, Middleware};

use self::chain::{Chained, Innermost};
use self::client::client_builder;
use self::configured::Configured;
pub(crate) use self::extensions::LentExtensions;
use self::follow::Follow;
pub(crate) use self::follow::Head;
use self::hop_client::{Beside, HopClient};
use self::host_slots::HostSlots;
pub(crate) use self::host_slots::{Host, Slot};
pub use self::options::SessionOptions;
pub(crate) use self::options::with_session_setters;
pub(crate) use self::plain::plain_client;
pub use self::provider::crypto_provider;
use self::redirect::Rules;
pub use self::redirect::{RedirectAction, RedirectAttempt, RedirectPolicy};
pub(crate) use self::replace_body::set_url;
use self::runtime_mark::RuntimeMark;
pub(crate) use self::sending::Sending;
pub(crate) use self::slot_wait::SlotWait;
pub use self::tls::{HttpVersions, Tls, warm_up};
pub(crate) use self::unsent::Unsent;
use crate::connection::{SessionConnections, SessionLayer};
use crate::error::{BuildError, RequestFailure};
use crate::observer::{Observer, Observers};
use crate::scope::{Connectors, RequestScope};

/// Dropping it closes the client and its idle connections. Requests on their way keep it alive, so
/// an exit ends those first.
pub(crate) struct Transport {
    client: Arc<HopClient>,
    /// Without middleware there is no chain to walk.
    chain: Option<ClientWithMiddleware>,
    pub(crate) connections: Arc<SessionConnections>,
    /// Kept for a session that is pooled.
    runtime: Option<RuntimeMark>,
}

impl Transport {
    /// Builds one for a context, which may keep cookies itself.
    pub(crate) fn build(
        options: &Arc<SessionOptions>,
        observers: &Observers,
        keeps_cookies: bool,
    ) -> Result<Self, BuildError> {
        Self::build_from(options, observers, |builder| {
            if keeps_cookies {
                cookies::refuse_beside_jar(options, builder)?;
            }
            Ok(())
        })
    }

    /// Builds one that outlives its context.
    pub(crate) fn build_pooled(
        options: &Arc<SessionOptions>,
        observers: &Observers,
    ) -> Result<Self, BuildError> {
        let mut transport = Self::build_from(options, observers, |builder| {
            cookies::refuse_in_pool(options, builder)
        })?;
        transport.runtime = Some(RuntimeMark::default());
        Ok(transport)
    }

    fn build_from(
        options: &Arc<SessionOptions>,
        observers: &Observers,
        check: impl FnOnce(&ClientBuilder) -> Result<(), BuildError>,
    ) -> Result<Self, BuildError> {
        let connections = Arc::new(SessionConnections::new(
            options.keep_alive,
            options.cut_held_sockets,
        ));
        let connectors = Arc::default();
        let layer = SessionLayer::<{ HopClient::MAIN }> {
            connectors: Arc::clone(&connectors),
            options: options.connect(options.http_versions, &connections),
        };
        let builder = client_builder(options, options.http_versions, layer)?;
        check(&builder)?;
        let client = builder
            .build()
            .map_err(|error| BuildError::Client(Arc::new(error)))?;
        let configured = if options.configure.is_empty() {
            Configured::default()
        } else {
            Configured::of(&client)?
        };
        let outermost = observers.iter().filter_map(Observer::middleware);
        let mut chain: Vec<Arc<dyn Middleware>> = outermost
            .chain(options.middleware.iter().cloned())
            .collect();
        let hop_client = Arc::new(HopClient {
            client,
            http1: Beside::default(),
            http2: Beside::default(),
            hosts: HostSlots::new(options.max_connections_per_host),
            connections: Arc::clone(&connections),
            connectors,
            rules: Rules::new(&options.redirects, configured),
            options: Arc::clone(options),
        });
        let chain = (!chain.is_empty()).then(|| {
            chain.push(Arc::new(Innermost(Arc::clone(&hop_client))));
            ClientWithMiddleware::new(hop_client.client.clone(), chain)
        });
        Ok(Self {
            client: hop_client,
            chain,
            connections,
            runtime: None,
        })
    }

    /// The host that a request to this URL needs a slot of.
    pub(crate) fn host(&self, url: &reqwest::Url) -> Arc<Host> {
        self.client.hosts.host(url)
    }

    /// What its requests connect with.
    pub(crate) fn connectors(&self) -> &Arc<Connectors> {
        &self.client.connectors
    }

    /// How long a request of it waits for the next bytes of its response.
    pub(crate) fn read_timeout(&self) -> Option<Duration> {
        self.client.options.read_timeout
    }

    /// Whether its requests go through a chain of middleware.
    pub(crate) fn has_chain(&self) -> bool {
        self.chain.is_some()
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

    /// Takes the request, and sends nothing before the first poll.
    #[inline]
    pub(crate) fn send(
        &self,
        scope: &Arc<RequestScope>,
        request: &mut Unsent,
        extensions: LentExtensions,
        slot: Slot,
        queue_timeout: Option<Duration>,
    ) -> Sending {
        if let Some(mark) = &self.runtime {
            mark.note();
        }
        match &self.chain {
            None => Sending::Direct(Follow::send(
                &self.client,
                scope,
                request,
                slot,
                queue_timeout,
            )),
            Some(chain) => {
                let chained = Chained::new(scope, slot, queue_timeout);
                Sending::through(chain.clone(), request.take(), extensions, chained)
            }
        }
    }

    #[inline]
    pub(crate) fn poll(
        &self,
        sending: &mut Sending,
        scope: &RequestScope,
        cx: &mut Context<'_>,
        head: &mut Option<Head>,
    ) -> Poll<Result<(), RequestFailure>> {
        sending.poll(&self.client, scope, cx, head)
    }

    /// What is sent is about to be dropped before its head.
    pub(crate) fn note_dropped(&self, sending: &Sending, scope: &RequestScope) {
        sending.note_dropped(&self.client, scope);
    }
}
