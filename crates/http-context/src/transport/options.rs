//! What a session is built from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Proxy};
use reqwest_middleware::Middleware;

use super::redirect::RedirectPolicy;
use super::tls::{HttpVersions, Tls};

pub(crate) type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

/// Hands the setters of all session options to another macro: [`SessionOptions`] and
/// [`ContextBuilder`](crate::ContextBuilder) both have them. An option is added here and in the
/// struct, and takes effect in `client.rs`.
macro_rules! with_session_setters {
    ($make:ident) => {
        $make! {
            /// How many requests to one scheme, host and port may be under way at once, from send
            /// to the end of the body. The others wait, first come, first served. At least 1;
            /// default: 50.
            ///
            /// Over HTTP/1.1 this is the number of connections. Over HTTP/2 requests share a
            /// connection, and this limits the requests.
            fn max_connections_per_host(limit: usize) |options| {
                options.max_connections_per_host = limit;
            }

            /// How long an idle connection is kept for reuse. Default: 120 s.
            fn keep_alive(keep_alive: Duration) |options| {
                options.keep_alive = keep_alive;
            }

            /// Whether sockets are cut off that are still held when the exit of a context, or the
            /// close of a pool, has waited for them: by an upload that nobody reads, say, or by
            /// whatever has taken a connection over. Default: `true`.
            ///
            /// Such a socket is shut down in both directions, so that its holder and its peer read
            /// an end, and is reported as leaked all the same; [`Leak::socket`](field@crate::Leak::socket)
            /// says what was done. Whoever holds it has 100 ms to let it go, after the 2 s that an
            /// exit waits for sockets to be closed. Those of a context that is dropped instead of
            /// awaited are looked after in the background. Nothing is cut where nothing is looked for
            /// ([`LeakPolicy::Off`](crate::LeakPolicy::Off),
            /// [`verify_sockets`](crate::ContextBuilder::verify_sockets)), on systems other than
            /// Linux, and where the system forbids the call `pidfd_getfd`, as Docker does unless it is
            /// told otherwise.
            ///
            /// It costs a request nothing, and a connection a question to the kernel when it is
            /// opened, some microseconds: by the answer its socket is told from every other one that
            /// may have its addresses later.
            fn cut_held_sockets(cut: bool) |options| {
                options.cut_held_sockets = cut;
            }

            /// The HTTP versions to use. Default: HTTP/1.1, and HTTP/2 where the server offers it
            /// in the TLS handshake.
            fn http_versions(versions: HttpVersions) |options| {
                options.http_versions = versions;
            }

            /// Where TLS is set up. Default: [`Tls::Shared`].
            fn tls(tls: Tls) |options| {
                options.tls = tls;
            }

            /// A proxy to use; may be given several times, the first that matches is used.
            /// Default: as `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in capitals or
            /// not, when the session is built. An empty one is as one that is not set; `NO_PROXY`
            /// has names, which hold for what is below them too, addresses, networks, or `*`.
            fn proxy(proxy: Proxy) |options| {
                options.proxies.push(proxy);
            }

            /// Which redirects are followed. Default: at most 10 in a row.
            ///
            /// Set it here and not in [`configure`](Self::configure), where redirects would be
            /// followed unseen: that is
            /// [`BuildError::ConfiguredRedirects`](crate::BuildError::ConfiguredRedirects).
            fn redirect(policy: RedirectPolicy) |options| {
                options.redirects = policy;
            }

            /// Headers for each request that does not have them. Default: those of `reqwest`.
            ///
            /// Set credentials here and not in [`configure`](Self::configure): a redirect to another
            /// origin takes them off, and is not followed where `reqwest` would send them.
            fn default_headers(headers: HeaderMap) |options| {
                options.default_headers = headers;
            }

            /// The `User-Agent` of each request that has none, in place of the one that
            /// [`default_headers`](Self::default_headers) or [`configure`](Self::configure) may have.
            /// Default: none is sent.
            fn user_agent(name: HeaderValue) |options| {
                options.user_agent = Some(name);
            }

            /// Sends no `User-Agent` but that of the request, or of
            /// [`default_headers`](Self::default_headers). This is the default.
            fn without_user_agent() |options| {
                options.user_agent = None;
            }

            /// Limits the time of each request that has no limit of its own: from the end of the queue
            /// to the end of the body, with the redirects that it follows. Default: no limit.
            ///
            /// One that is set in [`configure`](Self::configure) is for each hop of a redirect anew.
            fn request_timeout(limit: Duration) |options| {
                options.request_timeout = Some(limit);
            }

            /// Sets no limit to the time of requests. This is the default.
            fn without_request_timeout() |options| {
                options.request_timeout = None;
            }

            /// Limits the time from one read of a response to the next, of each request that has no
            /// such limit of its own: see
            /// [`RequestBuilder::read_timeout`](crate::RequestBuilder::read_timeout). Default: no
            /// limit.
            ///
            /// One that is set in [`configure`](Self::configure) holds beside it, and for requests
            /// that have their own as well.
            fn read_timeout(limit: Duration) |options| {
                options.read_timeout = Some(limit);
            }

            /// Sets no limit to the time between reads. This is the default.
            fn without_read_timeout() |options| {
                options.read_timeout = None;
            }

            /// Limits the time that making a connection takes, the lookup of its host's name, a proxy
            /// and TLS included, for each request that has no such limit of its own: see
            /// [`RequestBuilder::connect_timeout`](crate::RequestBuilder::connect_timeout). Default: no
            /// limit.
            ///
            /// One that is set in [`configure`](Self::configure) holds beside it, and for requests
            /// that have their own as well.
            fn connect_timeout(limit: Duration) |options| {
                options.connect_timeout = Some(limit);
            }

            /// Sets no limit to the time that making a connection takes. This is the default.
            fn without_connect_timeout() |options| {
                options.connect_timeout = None;
            }

            /// Uses no proxy that was given so far.
            fn without_proxies() |options| {
                options.proxies.clear();
            }

            /// The resolver of host names. Default: the operating system's.
            ///
            /// Set it here and not in [`configure`](Self::configure), where lookups would go
            /// unseen.
            fn dns_resolver(resolver: Arc<dyn Resolve>) |options| {
                options.resolver = Some(resolver);
            }

            /// Resolves host names as the operating system does. This is the default.
            fn without_dns_resolver() |options| {
                options.resolver = None;
            }

            /// Adds a middleware to the chain, in the order of the calls; the first is outermost.
            ///
            /// A request has its host slot when it enters the chain, and keeps it while a
            /// middleware retries.
            fn with(middleware: impl Middleware) |options| {
                options.middleware.push(Arc::new(middleware));
            }

            /// As [`with`](Self::with), for a middleware that is shared.
            fn with_arc(middleware: Arc<dyn Middleware>) |options| {
                options.middleware.push(middleware);
            }

            /// Takes every middleware out of the chain that was added so far.
            fn without_middleware() |options| {
                options.middleware.clear();
            }

            /// Sets any option of [`reqwest::ClientBuilder`]; called for each session that is
            /// built, and for each [plain client](crate::HttpSession::reqwest_client), with the options
            /// above already set and no lock held.
            ///
            /// TLS options take effect only with [`Tls::ClientBuilder`].
            ///
            /// ```
            /// let builder = http_context::builder()
            ///     .configure(|client| client.user_agent("example/1.0").https_only(true));
            /// ```
            fn configure(
                configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static
            ) |options| {
                options.configure.push(Arc::new(configure));
            }

            /// Forgets what was given to [`configure`](Self::configure) so far.
            fn without_configure() |options| {
                options.configure.clear();
            }
        }
    };
}

pub(crate) use with_session_setters;

/// What a session is built from: TLS, proxies, HTTP versions, redirects, resolver, middleware and
/// limits.
///
/// A [`ContextBuilder`](crate::ContextBuilder) has the same setters for the sessions of its
/// contexts; a [`SessionPool`](crate::SessionPool) takes these for the sessions that it hands on.
///
/// ```
/// use http_context::{SessionOptions, SessionPool, builder};
///
/// let pool = SessionPool::builder()
///     .session(SessionOptions::new().max_connections_per_host(8))
///     .build();
/// let jobs = builder().pool(pool);
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until a pool or a context is given them"]
pub struct SessionOptions {
    pub(crate) max_connections_per_host: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) cut_held_sockets: bool,
    pub(crate) http_versions: HttpVersions,
    pub(crate) tls: Tls,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) redirects: RedirectPolicy,
    pub(crate) default_headers: HeaderMap,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) configure: Vec<Arc<Configure>>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty)?) |$options:ident| $set:block)*) => {
        impl SessionOptions {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                $(#[$doc])*
                pub fn $name(mut self $(, $arg: $type)?) -> Self {
                    let $options = &mut self;
                    $set
                    self
                }
            )*
        }
    };
}

with_session_setters!(setters);

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            max_connections_per_host: 50,
            keep_alive: Duration::from_secs(2 * 60),
            cut_held_sockets: true,
            http_versions: HttpVersions::default(),
            tls: Tls::default(),
            proxies: Vec::new(),
            redirects: RedirectPolicy::default(),
            default_headers: HeaderMap::new(),
            user_agent: None,
            request_timeout: None,
            read_timeout: None,
            connect_timeout: None,
            resolver: None,
            middleware: Vec::new(),
            configure: Vec::new(),
        }
    }
}

impl fmt::Debug for SessionOptions {
    /// Without proxies, whose URLs may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionOptions")
            .field("max_connections_per_host", &self.max_connections_per_host)
            .field("keep_alive", &self.keep_alive)
            .field("http_versions", &self.http_versions)
            .finish_non_exhaustive()
    }
}
