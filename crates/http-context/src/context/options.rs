//! What a context does, and what its sessions are built from.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::header::COOKIE;

use crate::defaults::DefaultOptions;
use crate::error::{BuildError, Redaction};
use crate::exchange::RequestOptions;
use crate::facts::{LeakPolicy, NestedPolicy};
use crate::observer::Observer;
use crate::pool::SessionPool;
use crate::session::SessionOrigin;
use crate::transport::SessionOptions;

/// Shared by all contexts of one builder, so that a context costs a pointer for it.
#[derive(Clone)]
pub(crate) struct ContextOptions {
    pub(crate) nested: NestedPolicy,
    pub(crate) is_lazy: bool,
    pub(crate) leaks: LeakPolicy,
    pub(crate) verify_sockets: bool,
    pub(crate) overdue_after: Option<Duration>,
    pub(crate) drain_timeout: Duration,
    pub(crate) requests: RequestOptions,
    pub(crate) defaults: DefaultOptions,
    pub(crate) observers: Option<Arc<[Arc<dyn Observer>]>>,
    pub(crate) redaction: Redaction,
    pub(crate) session: Arc<SessionOptions>,
    /// Where the sessions come from, built from the options of the pool.
    pub(crate) pool: Option<SessionPool>,
    /// The setter of `session` that was called since there is a pool: it has no effect.
    pub(crate) set_beside_pool: Option<&'static str>,
}

impl ContextOptions {
    /// Where the sessions come from.
    ///
    /// # Errors
    ///
    /// When an option of the session was set beside a pool: it would have no effect.
    pub(crate) fn session_origin(&self) -> Result<SessionOrigin, BuildError> {
        let headers = &self.session_options().default_headers;
        if self.defaults.keep_cookies() && headers.contains_key(COOKIE) {
            return Err(BuildError::CookieHeader);
        }
        match (&self.pool, self.set_beside_pool) {
            (None, _) => Ok(SessionOrigin::Options(Arc::clone(&self.session))),
            (Some(pool), None) => Ok(SessionOrigin::Pool(pool.clone())),
            (Some(_), Some(option)) => Err(BuildError::PooledOption { option }),
        }
    }

    /// The options that sessions are built from.
    pub(crate) fn session_options(&self) -> &SessionOptions {
        self.pool
            .as_ref()
            .map_or(&self.session, SessionPool::options)
    }
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self {
            nested: NestedPolicy::default(),
            is_lazy: false,
            leaks: LeakPolicy::default(),
            verify_sockets: true,
            overdue_after: None,
            drain_timeout: Duration::from_secs(5),
            requests: RequestOptions::default(),
            defaults: DefaultOptions::default(),
            observers: None,
            redaction: Redaction::default(),
            session: Arc::default(),
            pool: None,
            set_beside_pool: None,
        }
    }
}

/// The defaults, shared by all contexts that change none.
pub(crate) fn default_options() -> Arc<ContextOptions> {
    static DEFAULTS: LazyLock<Arc<ContextOptions>> = LazyLock::new(Arc::default);
    Arc::clone(&DEFAULTS)
}
