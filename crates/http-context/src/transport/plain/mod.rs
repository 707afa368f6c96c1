//! The plain client of a session: a `reqwest::Client` of its options that anybody may keep, whose
//! requests go their own way.
//!
//! What `reqwest` lets others see of it is little: its connector ([`PlainLayer`]), each attempt to
//! send a request ([`requests`]), and each redirect ([`redirects`]).

mod credentials;
mod redirects;
mod requests;

use std::sync::Arc;

use reqwest::{Client, Proxy, Url};

use self::credentials::SentCredentials;
use self::redirects::PlainRedirects;
use super::client::{base_builder, configured, resolver};
use super::options::SessionOptions;
use super::proxies::HAS_SYSTEM_PROXIES;
use crate::connection::{ObservedResolver, PlainLayer, PlainOwner, SessionConnections};
use crate::defaults::Defaults;
use crate::error::BuildError;
use crate::scope::PlainConnect;

/// Builds it. Its connections are entered in these. Of the defaults of its context it has the cookies.
pub(crate) fn plain_client(
    options: &SessionOptions,
    defaults: Option<&Defaults>,
    owner: PlainOwner,
    connections: &Arc<SessionConnections>,
) -> Result<Client, BuildError> {
    let versions = options.http_versions;
    let sent = Arc::new(SentCredentials::new(&options.redirects));
    let redirects = PlainRedirects::new(&options.redirects, Arc::clone(&sent));
    let resolver = ObservedResolver {
        resolver: resolver(options),
        is_plain: true,
    };
    let mut builder = Client::builder()
        .pool_max_idle_per_host(options.max_connections_per_host)
        .default_headers(options.default_headers.clone())
        .retry(requests::seen(Arc::clone(&owner.scope), sent));
    if let Some(name) = &options.user_agent {
        builder = builder.user_agent(name);
    }
    if let Some(limit) = options.request_timeout {
        builder = builder.timeout(limit);
    }
    if let Some(limit) = options.read_timeout {
        builder = builder.read_timeout(limit);
    }
    builder = base_builder(
        builder,
        options,
        versions,
        resolver,
        Some(asked_for_proxy()),
    )?;
    builder = configured(builder, options);
    #[cfg(feature = "cookies")]
    if let Some(cookies) = defaults.and_then(Defaults::cookie_provider) {
        builder = builder.cookie_provider(Arc::new(cookies));
    }
    #[cfg(not(feature = "cookies"))]
    let _ = defaults;
    builder = builder
        .redirect(redirects.into_policy())
        // It would show a stranger all of the URL before.
        .referer(false);
    if !HAS_SYSTEM_PROXIES {
        // Again, since `configure` may have removed all.
        builder = builder.proxy(asked_for_proxy());
    }
    builder
        .connector_layer(PlainLayer {
            owner,
            options: options.connect(versions, connections),
        })
        .build()
        .map_err(|error| BuildError::Client(Arc::new(error)))
}

/// Lets the connection that is being made know where it leads, and is none.
fn asked_for_proxy() -> Proxy {
    Proxy::custom(|url| {
        PlainConnect::note_destination(url);
        None::<Url>
    })
}
