//! Builds the client of a session from its options. It follows no redirects: the session does.

use std::sync::{Arc, LazyLock};

use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, Proxy, redirect, retry};

use super::options::SessionOptions;
use super::proxies;
use super::tls::HttpVersions;
use crate::connection::{
    ConnectOptions, ObservedResolver, SessionConnections, SessionLayer, SystemResolver,
};
use crate::error::BuildError;

pub(super) fn client_builder<const AT: usize>(
    options: &SessionOptions,
    versions: HttpVersions,
    layer: SessionLayer<AT>,
) -> Result<ClientBuilder, BuildError> {
    let resolver = ObservedResolver {
        resolver: resolver(options),
        is_plain: false,
    };
    let builder = Client::builder().redirect(redirect::Policy::none());
    let builder = base_builder(builder, options, versions, resolver, None)?;
    // Last, and so outermost: what a connection costs includes what other layers add.
    Ok(configured(builder, options).connector_layer(layer))
}

impl SessionOptions {
    /// What the connections of a client are made with, which speaks these versions.
    pub(super) fn connect(
        &self,
        versions: HttpVersions,
        connections: &Arc<SessionConnections>,
    ) -> ConnectOptions {
        ConnectOptions {
            connections: Arc::clone(connections),
            is_http2: versions == HttpVersions::Http2,
            connect_timeout: self.connect_timeout,
        }
    }
}

/// Sets what every client of a session has, before [`configured`]. `first_proxy` is asked before all
/// others, where that is possible.
pub(super) fn base_builder(
    builder: ClientBuilder,
    options: &SessionOptions,
    versions: HttpVersions,
    resolver: ObservedResolver,
    first_proxy: Option<Proxy>,
) -> Result<ClientBuilder, BuildError> {
    let mut builder = builder
        .pool_idle_timeout(options.keep_alive)
        .dns_resolver(Arc::new(resolver));
    builder = match versions {
        HttpVersions::All => builder,
        // What `reqwest` sends again there are streams of HTTP/2 that were refused, and for those it
        // keeps a copy of each request.
        HttpVersions::Http1 => builder
            .http1_only()
            .retry(retry::never().max_retries_per_request(0)),
        HttpVersions::Http2 => builder.http2_prior_knowledge(),
    };
    builder = if options.proxies.is_empty() {
        proxies::set(builder, first_proxy)
    } else {
        let given = options.proxies.iter().cloned();
        let all = first_proxy.into_iter().chain(given);
        all.fold(builder, ClientBuilder::proxy)
    };
    Ok(match options.tls.client_config(versions)? {
        Some(tls) => builder.tls_backend_preconfigured(tls),
        None => builder,
    })
}

/// Has users set what they like.
pub(super) fn configured(builder: ClientBuilder, options: &SessionOptions) -> ClientBuilder {
    let configure = options.configure.iter();
    configure.fold(builder, |builder, configure| configure(builder))
}

/// The resolver of host names, which is not observed.
pub(super) fn resolver(options: &SessionOptions) -> Arc<dyn Resolve> {
    let own = options.resolver.as_ref();
    own.map_or_else(system_resolver, Arc::clone)
}

/// One for all sessions, since it has no state.
fn system_resolver() -> Arc<dyn Resolve> {
    static SYSTEM: LazyLock<Arc<dyn Resolve>> = LazyLock::new(|| Arc::new(SystemResolver::new()));
    Arc::clone(&SYSTEM)
}
