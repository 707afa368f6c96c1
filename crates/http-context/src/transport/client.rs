//! Builds the client of a session from its options. It follows no redirects: the session does.

use std::sync::{Arc, LazyLock};

use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, redirect};

use super::options::SessionOptions;
use super::proxies;
use super::tls::HttpVersions;
use crate::connection::{ConnectionLayer, ObservedResolver, SessionConnections, SystemResolver};
use crate::error::BuildError;

pub(super) fn client_builder(
    options: &SessionOptions,
    versions: HttpVersions,
    connections: Arc<SessionConnections>,
) -> Result<ClientBuilder, BuildError> {
    let resolver = options
        .resolver
        .as_ref()
        .map_or_else(system_resolver, Arc::clone);
    let mut builder = Client::builder()
        .pool_idle_timeout(options.keep_alive)
        .redirect(redirect::Policy::none())
        .dns_resolver(Arc::new(ObservedResolver(resolver)));
    builder = match versions {
        HttpVersions::All => builder,
        HttpVersions::Http1 => builder.http1_only(),
        HttpVersions::Http2 => builder.http2_prior_knowledge(),
    };
    builder = if options.proxies.is_empty() {
        proxies::set(builder)
    } else {
        let given = options.proxies.iter().cloned();
        given.fold(builder, ClientBuilder::proxy)
    };
    if let Some(tls) = options.tls.client_config(versions)? {
        builder = builder.tls_backend_preconfigured(tls);
    }
    for configure in &options.configure {
        builder = configure(builder);
    }
    // Last, and so outermost: what a connection costs includes what other layers add.
    Ok(builder.connector_layer(ConnectionLayer {
        connections,
        is_http2: versions == HttpVersions::Http2,
        connect_timeout: options.connect_timeout,
    }))
}

/// One for all sessions, since it has no state.
fn system_resolver() -> Arc<dyn Resolve> {
    static SYSTEM: LazyLock<Arc<dyn Resolve>> = LazyLock::new(|| Arc::new(SystemResolver::new()));
    Arc::clone(&SYSTEM)
}
