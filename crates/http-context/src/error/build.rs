//! A session could not be built.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// A session could not be built.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `reqwest` refused the client's configuration.
    #[error("the HTTP client could not be built from this configuration")]
    Client(#[source] Arc<reqwest::Error>),
    /// The TLS library refused its configuration.
    #[error("the TLS configuration could not be made")]
    Tls(#[source] Arc<rustls::Error>),
    /// Nobody does the cryptography of TLS: [`crypto_provider`](crate::crypto_provider) says whose it can
    /// be. A provider that is installed later is taken from then on.
    #[error(
        "there is no provider of cryptography for TLS: enable the feature `aws-lc-rs` or `ring` of \
         http-context, or call `rustls::crypto::CryptoProvider::install_default` before the first \
         session, or give the context a `Tls::Config`"
    )]
    NoCryptoProvider,
    /// A trust store was named, and nothing could be read from it. Requests over TLS fail with this as
    /// a source; [`warm_up`](crate::warm_up) says so beforehand.
    #[error(
        "{variable} is set, but no certificate can be read from {}: correct it, or unset it to \
         use the system's trust store",
        .path.display()
    )]
    NoTrustRoots {
        /// The environment variable that names the store.
        variable: &'static str,
        /// What it is set to.
        path: PathBuf,
    },
    /// `configure` sets a cookie store in the options of a pool.
    #[error(
        "`configure` has set a cookie store for the sessions of a pool, by which one job's cookies \
         would go out with the requests of the next: set `cookie_store` on the contexts"
    )]
    PooledCookies,
    /// `configure` may have set a cookie store beside that of the context.
    #[error(
        "the context keeps cookies, and `configure` has set a cookie store as well, or may have: \
         set one of them"
    )]
    ConfiguredCookies,
    /// A `Cookie` of `default_headers` would stand in place of all that the context keeps.
    #[error(
        "the context keeps cookies, and `default_headers` have a `Cookie`, which would be sent in \
         their place: put it into the jar"
    )]
    CookieHeader,
    /// What was given as the base URL is none.
    #[error("`base_url` cannot be the base of requests: {reason}")]
    BaseUrl {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The default credentials cannot stand in a header.
    #[error("`auth` has credentials that cannot be sent in a header")]
    InvalidAuth,
    /// The user info of the base URL would stand in place of the default credentials.
    #[error("`base_url` has user info, and `auth` is for the same origin: set one of them")]
    AuthTwice,
    /// Nothing says whom the default credentials are for.
    #[error(
        "`auth` was set, and nothing says which origin it is for: set `base_url`, or name it with \
         `DefaultAuth::for_origin`"
    )]
    AuthForNobody,
    /// `configure` sets a redirect policy.
    #[error(
        "`configure` has set a redirect policy, by which `reqwest` would follow redirects unseen: \
         set one by `redirect` in the options of the session"
    )]
    ConfiguredRedirects,
    /// What `configure` does to the sessions of a pool cannot be told.
    #[error(
        "a session of a pool must have no cookie store, and this version of `reqwest` does not say \
         whether `configure` sets one: set other options of the pool in its place, or open \
         without the pool"
    )]
    PooledConfigure,
    /// An option of the session was set beside a pool, whose sessions are built from its own.
    #[error(
        "`{option}` was set on a context that takes its session from a pool: set it in the options \
         of the pool, or open without the pool"
    )]
    PooledOption {
        /// The method of [`ContextBuilder`](crate::ContextBuilder) that set it.
        option: &'static str,
    },
    /// What builds the session asked for it.
    #[error(
        "the session of this HTTP context is being built, and what builds it asked for it: do not \
         call `http_session()` in `configure` or in `Observer::middleware`"
    )]
    Reentrant,
}
