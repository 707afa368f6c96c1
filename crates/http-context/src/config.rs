//! The options of a context, as resolved by its builder.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{ClientBuilder, Proxy, redirect};
use reqwest_middleware::Middleware;

use crate::leak::LeakPolicy;
use crate::nested::NestedPolicy;
use crate::observer::Observer;
use crate::pool::SessionPool;
use crate::redact::Redaction;
use crate::tls::{HttpVersions, Tls};

pub(crate) type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

/// Shared by all contexts of one builder, so that a context costs a pointer for it.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) nested: NestedPolicy,
    pub(crate) is_lazy: bool,
    pub(crate) leaks: LeakPolicy,
    pub(crate) verify_sockets: bool,
    pub(crate) overdue_after: Option<Duration>,
    pub(crate) drain_timeout: Duration,
    pub(crate) max_connections_per_host: usize,
    pub(crate) queue_timeout: Option<Duration>,
    pub(crate) max_response_body: Option<u64>,
    pub(crate) keep_alive: Duration,
    pub(crate) http_versions: HttpVersions,
    pub(crate) tls: Tls,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) redirects: Arc<redirect::Policy>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) configure: Vec<Arc<Configure>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) redaction: Redaction,
    /// Where the session comes from; its options above are then those of the pool.
    pub(crate) pool: Option<SessionPool>,
}

impl Config {
    /// Takes over everything that a session is built from.
    pub(crate) fn copy_session_options(&mut self, from: &Self) {
        self.max_connections_per_host = from.max_connections_per_host;
        self.keep_alive = from.keep_alive;
        self.http_versions = from.http_versions;
        self.tls = from.tls.clone();
        self.proxies.clone_from(&from.proxies);
        self.redirects = Arc::clone(&from.redirects);
        self.resolver.clone_from(&from.resolver);
        self.middleware.clone_from(&from.middleware);
        self.configure.clone_from(&from.configure);
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nested: NestedPolicy::default(),
            is_lazy: false,
            leaks: LeakPolicy::default(),
            verify_sockets: true,
            overdue_after: None,
            drain_timeout: Duration::from_secs(5),
            max_connections_per_host: 50,
            queue_timeout: None,
            max_response_body: None,
            keep_alive: Duration::from_mins(2),
            http_versions: HttpVersions::default(),
            tls: Tls::default(),
            proxies: Vec::new(),
            redirects: Arc::default(),
            resolver: None,
            middleware: Vec::new(),
            configure: Vec::new(),
            observer: None,
            redaction: Redaction::default(),
            pool: None,
        }
    }
}

/// The defaults, shared by all contexts that change none.
pub(crate) fn defaults() -> Arc<Config> {
    static DEFAULTS: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);
    Arc::clone(&DEFAULTS)
}
