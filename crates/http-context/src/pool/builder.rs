//! Options of a pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Pool, PoolConfig, QueueMode};

use super::counts::PoolCounts;
use super::manager::Manager;
use super::{Inner, Limits, SessionPool};
use crate::observer::{Observer, Observers};
use crate::sync::Mutex;
use crate::transport::SessionOptions;

/// Options for a [`SessionPool`], from [`SessionPool::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use http_context::{SessionOptions, SessionPool};
///
/// let pool = SessionPool::builder()
///     .session(SessionOptions::new().max_connections_per_host(8))
///     .max_size(16)
///     .wait_timeout(Duration::from_secs(5))
///     .build();
/// assert_eq!(pool.status().idle, 0);
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PoolBuilder {
    session: SessionOptions,
    observers: Vec<Arc<dyn Observer>>,
    drain_timeout: Duration,
    limits: Limits,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            session: SessionOptions::default(),
            observers: Vec::new(),
            drain_timeout: Duration::from_secs(5),
            limits: Limits {
                max_size: 32,
                idle_timeout: Duration::from_secs(2 * 60),
                max_lifetime: Duration::from_secs(30 * 60),
                wait_timeout: Duration::from_secs(30),
            },
        }
    }
}

impl PoolBuilder {
    /// What sessions are built from. Default: the defaults of [`SessionOptions`].
    pub fn session(mut self, session: SessionOptions) -> Self {
        self.session = session;
        self
    }

    /// Adds an observer of the pool, beside that of the process; see
    /// [`set_default_observer`](crate::set_default_observer). It is also asked for a
    /// [middleware](Observer::middleware) of each session.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// How long [`SessionPool::close`] waits for contexts that have a permit. Default: 5 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// How many contexts may have a permit at once. At least 1; default: 32.
    ///
    /// A context that is opened in another one, both with the same pool, takes a second permit.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.limits.max_size = max_size.max(1);
        self
    }

    /// How long a session may wait for a context before it is closed. Default: 2 minutes.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// How old a session may get before it is closed; a context that uses it then keeps it to its
    /// exit. Default: 30 minutes.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.limits.max_lifetime = lifetime;
        self
    }

    /// How long `open` may wait for a permit. Zero means not at all. Default: 30 s.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.limits.wait_timeout = timeout;
        self
    }

    /// A pool without sessions; they are built when they are needed.
    #[allow(
        clippy::missing_panics_doc,
        reason = "the options that the pool crate refuses are not set"
    )]
    pub fn build(self) -> SessionPool {
        let Self {
            session,
            observers,
            drain_timeout,
            limits,
        } = self;
        let observers = Observers::with_default((!observers.is_empty()).then(|| observers.into()));
        let counts = Arc::new(PoolCounts::new(limits.max_size, observers));
        // The warmest first: connections that were just used are the likeliest to be alive, and
        // what is not needed any more gets to its idle timeout.
        let config = PoolConfig {
            queue_mode: QueueMode::Lifo,
            ..PoolConfig::new(limits.max_size)
        };
        let sessions = Pool::builder(Manager::new(Arc::clone(&counts), limits))
            .config(config)
            .build()
            .expect("without timeouts of its own the pool needs no runtime");
        SessionPool(Arc::new(Inner {
            limits,
            session: Arc::new(session),
            drain_timeout,
            closing: Mutex::default(),
            counts,
            sessions,
        }))
    }
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("session", &self.session)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
