//! Options of a context.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{ClientBuilder, Proxy, redirect};
use reqwest_middleware::Middleware;

use crate::config::{Config, defaults};
use crate::error::OpenError;
use crate::layer::ContextLayer;
use crate::leak::LeakPolicy;
use crate::nested::NestedPolicy;
use crate::observer::Observer;
use crate::open::Open;
use crate::pool::SessionPool;
use crate::redact::Redaction;
use crate::tls::{HttpVersions, Tls};
use crate::work::Work;

/// Options for contexts; [`builder`] makes one with the defaults.
///
/// A clone shares the options, so one builder can be kept and opened from for each job.
///
/// ```
/// use std::time::Duration;
/// use http_context::{NestedPolicy, OpenError, http_session};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// let jobs = http_context::builder()
///     .lazy()
///     .nested(NestedPolicy::Warn)
///     .drain_timeout(Duration::from_secs(2));
///
/// let (result, report) = jobs
///     .clone()
///     .name("job 7")
///     .open(async {
///         assert!(http_session().is_ok());
///         Ok::<_, OpenError>(7)
///     })
///     .with_report()
///     .await;
///
/// assert_eq!(result?, 7);
/// assert!(report.is_some_and(|report| report.is_clean()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct ContextBuilder {
    pub(crate) config: Arc<Config>,
    pub(crate) name: Option<Arc<str>>,
}

/// A builder with the defaults.
pub fn builder() -> ContextBuilder {
    ContextBuilder {
        config: defaults(),
        name: None,
    }
}

impl Default for ContextBuilder {
    fn default() -> Self {
        builder()
    }
}

impl ContextBuilder {
    /// A name to tell the context by in reports, such as the id of its job. Not a metric label.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What an `open` inside this context does. Default: [`NestedPolicy::PassThrough`].
    pub fn nested(self, policy: NestedPolicy) -> Self {
        self.set(|config| config.nested = policy)
    }

    /// Builds the session at the first `http_session()` instead of at open. A context that makes
    /// no request then builds no client.
    pub fn lazy(self) -> Self {
        self.set(|config| config.is_lazy = true)
    }

    /// What is done about leaks. Default: [`LeakPolicy::Warn`].
    pub fn leaks(self, policy: LeakPolicy) -> Self {
        self.set(|config| config.leaks = policy)
    }

    /// Whether an exit asks the operating system for sockets that the session left open. Default:
    /// `true`. A session that opened no connection is never asked about.
    pub fn verify_sockets(self, verify: bool) -> Self {
        self.set(|config| config.verify_sockets = verify)
    }

    /// Reports the context as a leak (`context_overdue`) when it is open for longer, once; the
    /// report is taken back when it does close. Default: no limit.
    pub fn overdue_after(self, threshold: Duration) -> Self {
        self.set(|config| config.overdue_after = Some(threshold))
    }

    /// How long an exit waits for requests in flight, bodies being read and child tasks before it
    /// cuts them off. Default: 5 s.
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.set(|config| config.drain_timeout = timeout)
    }

    /// How many requests to one scheme, host and port may be under way at once, from send to the
    /// end of the body. The others wait, first come, first served. At least 1; default: 50.
    ///
    /// Over HTTP/1.1 this is the number of connections. Over HTTP/2 requests share a connection,
    /// and this bounds the requests.
    pub fn max_connections_per_host(self, limit: usize) -> Self {
        self.set_session(|config| config.max_connections_per_host = limit)
    }

    /// How long a request may wait for a slot at its host before it fails with
    /// [`RequestError::QueueTimeout`](crate::RequestError::QueueTimeout). Default: no limit.
    ///
    /// A timeout of the request itself begins when it has its slot.
    pub fn queue_timeout(self, timeout: Duration) -> Self {
        self.set(|config| config.queue_timeout = Some(timeout))
    }

    /// How many bytes the body of a response may have, as its caller reads them: so after it was
    /// decompressed. Default: no limit.
    ///
    /// Reading a longer one ends with [`BodyTooLarge`](crate::BodyTooLarge), before any byte when
    /// its length was announced; what came of it was then never more than the limit. Its
    /// connection is let go.
    pub fn max_response_body(self, bytes: u64) -> Self {
        self.set(|config| config.max_response_body = Some(bytes))
    }

    /// How long an idle connection is kept for reuse. Default: 120 s.
    pub fn keep_alive(self, keep_alive: Duration) -> Self {
        self.set_session(|config| config.keep_alive = keep_alive)
    }

    /// The HTTP versions to use. Default: HTTP/1.1, and HTTP/2 where the server offers it in the
    /// TLS handshake.
    pub fn http_versions(self, versions: HttpVersions) -> Self {
        self.set_session(|config| config.http_versions = versions)
    }

    /// Where TLS is set up. Default: [`Tls::Shared`].
    pub fn tls(self, tls: Tls) -> Self {
        self.set_session(|config| config.tls = tls)
    }

    /// A proxy to use; may be given several times, the first that matches is used. Default: as
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    pub fn proxy(self, proxy: Proxy) -> Self {
        self.set_session(|config| config.proxies.push(proxy))
    }

    /// Which redirects are followed. Default: at most 10 in a row.
    ///
    /// Set it here and not in [`configure`](Self::configure), where redirects would be followed
    /// unseen.
    pub fn redirect(self, policy: redirect::Policy) -> Self {
        self.set_session(|config| config.redirects = Arc::new(policy))
    }

    /// The resolver of host names. Default: the operating system's.
    ///
    /// Set it here and not in [`configure`](Self::configure), where lookups would go unseen.
    pub fn dns_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        self.set_session(|config| config.resolver = Some(resolver))
    }

    /// Adds a middleware to the chain, in the order of the calls; the first is outermost.
    ///
    /// A request has its host slot when it enters the chain, and keeps it while a middleware
    /// retries.
    pub fn with(self, middleware: impl Middleware) -> Self {
        self.with_arc(Arc::new(middleware))
    }

    /// As [`with`](Self::with), for a middleware that is shared.
    pub fn with_arc(self, middleware: Arc<dyn Middleware>) -> Self {
        self.set_session(|config| config.middleware.push(middleware))
    }

    /// Sets any option of [`reqwest::ClientBuilder`]; called for each session that is built, with
    /// the options above already set.
    ///
    /// TLS options take effect only with [`Tls::ClientBuilder`].
    ///
    /// ```
    /// let builder = http_context::builder()
    ///     .configure(|client| client.user_agent("example/1.0").https_only(true));
    /// ```
    pub fn configure(
        self,
        configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.set_session(|config| config.configure.push(Arc::new(configure)))
    }

    /// Who is told what happens in the context. Default: the observer of the process, see
    /// [`set_default_observer`](crate::set_default_observer).
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.set(|config| config.observer = Some(observer))
    }

    /// Which parts of URLs are secrets.
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.set(|config| config.redaction = redaction)
    }

    /// Takes the session from a pool at open and gives it back at the exit, instead of building and
    /// closing one.
    ///
    /// `open` waits for a place in the pool, up to its
    /// [`wait_timeout`](crate::PoolBuilder::wait_timeout), before the work starts; a lazy context
    /// too, which then builds a session only where it gets none that is warm. A call through a
    /// [`ContextLayer`] that waited in vain is started without, and `http_session()` gives the
    /// error where no place is free then.
    ///
    /// What a session is built from (TLS, proxies, limits for each host, middleware, …) is taken
    /// over from the pool. Setting such an option after this one gives the context a session of
    /// its own again, with the pool's options and that one.
    pub fn pool(self, pool: SessionPool) -> Self {
        self.set(|config| {
            config.copy_session_options(pool.session_config());
            config.pool = Some(pool);
        })
    }

    /// Runs work in a context with these options; see [`open`](crate::open) for the semantics.
    #[track_caller]
    pub fn open<W, M, T, E>(self, work: W) -> Open<W::Future>
    where
        W: Work<M>,
        W::Future: Future<Output = Result<T, E>>,
        E: From<OpenError>,
    {
        Open::new(self, work.into_future(), Location::caller())
    }

    /// A tower layer that runs each call of a service in a context of its own, built lazily.
    ///
    /// Use it when making a `tower::ServiceBuilder`, or the layers of an axum router.
    #[track_caller]
    pub fn layer(self) -> ContextLayer {
        ContextLayer::new(self)
    }

    /// Sets an option that a session is built from: none of a pool will do any more.
    fn set_session(self, set: impl FnOnce(&mut Config)) -> Self {
        self.set(|config| {
            set(config);
            config.pool = None;
        })
    }

    fn set(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(Arc::make_mut(&mut self.config));
        self
    }
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("name", &self.name)
            .field("nested", &self.config.nested)
            .field("is_lazy", &self.config.is_lazy)
            .field("drain_timeout", &self.config.drain_timeout)
            .field(
                "max_connections_per_host",
                &self.config.max_connections_per_host,
            )
            .finish_non_exhaustive()
    }
}
