//! Options of a context.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Proxy};
use reqwest_middleware::Middleware;

use super::future::Open;
use super::http_layer::HttpContextLayer;
use super::layer::ContextLayer;
use super::output::OpenOutput;
use super::start::{Blueprint, Start};
use super::work::Work;
use crate::context::ContextOptions;
use crate::error::Redaction;
use crate::facts::{LeakPolicy, NestedPolicy};
use crate::observer::Observer;
use crate::pool::{PoolBuilder, SessionPool};
use crate::transport::{HttpVersions, RedirectPolicy, SessionOptions, Tls, with_session_setters};

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
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct ContextBuilder(Blueprint);

/// A builder with the defaults.
///
/// ```
/// use std::time::Duration;
///
/// use http_context::http::HeaderValue;
/// use http_context::{OpenError, builder, http_session};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// builder()
///     .name("nightly export")
///     .drain_timeout(Duration::from_secs(1))
///     .user_agent(HeaderValue::from_static("export/1.0"))
///     .open(async {
///         assert_eq!(http_session()?.context().name(), Some("nightly export"));
///         Ok(())
///     })
///     .await
/// # }
/// ```
pub fn builder() -> ContextBuilder {
    ContextBuilder::default()
}

impl ContextBuilder {
    /// A name for the context in reports, such as the id of its job. Not a metric label. The secrets
    /// of URLs in it are redacted when the context is opened.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// What an `open` inside this context does. Default: [`NestedPolicy::PassThrough`].
    ///
    /// ```
    /// use http_context::{NestedPolicy, OpenError, builder, open};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), OpenError> {
    /// builder()
    ///     .nested(NestedPolicy::Deny)
    ///     .open(async {
    ///         let inner = open(async { Ok::<_, OpenError>(()) }).await;
    ///         assert!(matches!(inner, Err(OpenError::NestedDenied(_))));
    ///         Ok(())
    ///     })
    ///     .await
    /// # }
    /// ```
    pub fn nested(self, policy: NestedPolicy) -> Self {
        self.set(|options| options.nested = policy)
    }

    /// Builds the session at the first `http_session()` instead of at open. A context that makes
    /// no request then builds no client.
    pub fn lazy(self) -> Self {
        self.set(|options| options.is_lazy = true)
    }

    /// Builds the session at open. This is the default.
    pub fn eager(self) -> Self {
        self.set(|options| options.is_lazy = false)
    }

    /// What is done about leaks. Default: [`LeakPolicy::Warn`].
    pub fn leaks(self, policy: LeakPolicy) -> Self {
        self.set(|options| options.leaks = policy)
    }

    /// Whether an exit asks the operating system for sockets that the session left open, and
    /// [cuts them off](Self::cut_held_sockets). Default: `true`. A session that opened no connection is never asked about.
    pub fn verify_sockets(self, verify: bool) -> Self {
        self.set(|options| options.verify_sockets = verify)
    }

    /// Reports the context as a leak (`context_overdue`) when it is open for longer, once; the
    /// report is resolved when it does close. Default: no limit, `None`.
    pub fn overdue_after(self, threshold: impl Into<Option<Duration>>) -> Self {
        self.set(|options| options.overdue_after = threshold.into())
    }

    /// How long an exit waits for requests in flight, bodies being read and child tasks before it
    /// cuts them off. Default: 5 s.
    ///
    /// Handles and clients that tasks still hold after that have their turn to be dropped: 100 ms, or
    /// this when it is less. A context that leaks one takes so much longer to close. One that is
    /// dropped instead of awaited waits for nothing.
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.set(|options| options.drain_timeout = timeout)
    }

    /// How long a request may wait for a slot at its host before it fails with
    /// [`QueueTimeout`](crate::QueueTimeout). Default: no limit, `None`.
    ///
    /// A timeout of the request itself begins when it has its slot.
    pub fn queue_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.set(|options| options.requests.queue_timeout = timeout.into())
    }

    /// How many bytes the body of a response may have, as its caller reads them: so after it was
    /// decompressed. Default: no limit, `None`.
    ///
    /// Reading a longer one ends with [`BodyTooLarge`](crate::BodyTooLarge), before any byte when
    /// its length was announced; what came of it was then never more than the limit. Its
    /// connection is closed.
    pub fn max_response_body(self, bytes: impl Into<Option<u64>>) -> Self {
        self.set(|options| options.requests.max_response_body = bytes.into())
    }

    /// Adds an observer of the context, beside that of the process
    /// ([`set_default_observer`](crate::set_default_observer)) and those that were added before.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use std::sync::Arc;
    ///
    /// use http_context::builder;
    /// use http_context::testing::Recorder;
    ///
    /// let recorder = Arc::new(Recorder::new());
    /// let context = builder().observer(recorder.clone());
    /// # drop(context);
    /// # }
    /// ```
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.set(|options| {
            let known = options
                .observers
                .iter()
                .flat_map(|known| known.iter().cloned());
            options.observers = Some(known.chain([observer]).collect());
        })
    }

    /// Takes out the observers that were added to this builder.
    pub fn without_observers(self) -> Self {
        self.set(|options| options.observers = None)
    }

    /// Which parts of URLs are secrets: they are in no text of an error, report, span or log line, and
    /// not in the URL of a response ([`FinalUrl`](crate::FinalUrl) has the whole one).
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.set(|options| options.redaction = redaction)
    }

    /// All that a session is built from, in place of what was set of it so far.
    pub fn session(self, session: SessionOptions) -> Self {
        self.set_session("session", |_| session)
    }

    /// Takes the session from a pool at open and gives it back at the exit, instead of building and
    /// closing one.
    ///
    /// `open` waits for a permit of the pool, up to its
    /// [`wait_timeout`](crate::PoolBuilder::wait_timeout), before the work starts; a lazy context
    /// too, which then builds a session only where its permit comes without one. A call through a
    /// [`ContextLayer`] that waited in vain is started without, and `http_session()` gives the
    /// error where no permit is free then.
    ///
    /// A session is then built from the options of the pool, in place of those that were set here
    /// before (TLS, proxies, limits for each host, middleware, …). Setting one of them after this
    /// is an error of `open`, and in a lazy context of `http_session()`:
    /// [`BuildError::PooledOption`](crate::BuildError::PooledOption).
    pub fn pool(self, pool: SessionPool) -> Self {
        self.set(|options| {
            options.pool = Some(pool);
            options.set_beside_pool = None;
        })
    }

    /// Builds sessions from the options that were set here. This is the default.
    pub fn without_pool(self) -> Self {
        self.set(|options| options.pool = None)
    }

    /// What a session is built from, as it was set here.
    pub fn session_options(&self) -> SessionOptions {
        SessionOptions::clone(&self.0.options.session)
    }

    /// A builder for a pool of sessions as these contexts have them: with the same session
    /// options, observers and drain timeout.
    ///
    /// ```
    /// let jobs = http_context::builder().configure(|client| client.user_agent("example/1.0"));
    /// let pool = jobs.session_pool().max_size(8).build();
    /// let jobs = jobs.pool(pool);
    /// ```
    pub fn session_pool(&self) -> PoolBuilder {
        let options = &self.0.options;
        let builder = SessionPool::builder()
            .session(self.session_options())
            .drain_timeout(options.drain_timeout);
        let observers = options
            .observers
            .iter()
            .flat_map(|observers| observers.iter());
        observers.fold(builder, |builder, observer| {
            builder.observer(Arc::clone(observer))
        })
    }

    /// Runs work in a context with these options; see [`open`](crate::open) for the semantics.
    #[track_caller]
    pub fn open<W, M>(self, work: W) -> Open<W::Future>
    where
        W: Work<M>,
        <W::Future as Future>::Output: OpenOutput,
    {
        let start = Start::open(Some(self.0), Location::caller());
        Open::new(start, work.into_future(), OpenOutput::is_completed)
    }

    /// Runs work of any output in a fresh context with these options; see [`job`](crate::job) for
    /// the semantics.
    #[track_caller]
    pub fn job<W: Work<M>, M>(self, work: W) -> Open<W::Future> {
        let start = Start::job(Some(self.0), Location::caller());
        Open::new(start, work.into_future(), |_| true)
    }

    /// A tower layer for services whose response is an [`http::Response`], as axum's and tonic's: the
    /// context of a call lasts until the body of its response has ended.
    #[track_caller]
    pub fn http_layer(self) -> HttpContextLayer {
        HttpContextLayer::new(self.0)
    }

    /// A tower layer that runs each call of a service in a context of its own, built lazily.
    ///
    /// Use it when making a `tower::ServiceBuilder`, or the layers of an axum router.
    #[track_caller]
    pub fn layer(self) -> ContextLayer {
        ContextLayer::new(self.0)
    }

    pub(super) fn set(mut self, set: impl FnOnce(&mut ContextOptions)) -> Self {
        set(Arc::make_mut(&mut self.0.options));
        self
    }

    fn set_session(
        self,
        setter: &'static str,
        set: impl FnOnce(SessionOptions) -> SessionOptions,
    ) -> Self {
        self.set(|options| {
            let session = Arc::make_mut(&mut options.session);
            *session = set(std::mem::take(session));
            options.set_beside_pool = options.pool.is_some().then_some(setter);
        })
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty)?) |$options:ident| $set:block)*) => {
        /// What its sessions are built from, as [`SessionOptions`].
        impl ContextBuilder {
            $(
                $(#[$doc])*
                pub fn $name(self $(, $arg: $type)?) -> Self {
                    self.set_session(stringify!($name), |session| session.$name($($arg)?))
                }
            )*
        }
    };
}

with_session_setters!(setters);

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blueprint { options, name } = &self.0;
        f.debug_struct("ContextBuilder")
            .field("name", name)
            .field("nested", &options.nested)
            .field("is_lazy", &options.is_lazy)
            .field("drain_timeout", &options.drain_timeout)
            .field("session", &options.session)
            .finish_non_exhaustive()
    }
}
