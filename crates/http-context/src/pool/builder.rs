//! Options of a pool.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool::managed::{Pool, PoolConfig, QueueMode};

use super::ledger::Ledger;
use super::manager::Manager;
use super::{Inner, Limits, SessionPool};
use crate::builder::ContextBuilder;
use crate::observer::default_observer;

/// Options for a [`SessionPool`], from [`SessionPool::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PoolBuilder {
    session: ContextBuilder,
    limits: Limits,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            session: crate::builder(),
            limits: Limits {
                max_size: 32,
                idle_timeout: Duration::from_mins(2),
                max_lifetime: Duration::from_mins(30),
                wait_timeout: Duration::from_secs(30),
            },
        }
    }
}

impl PoolBuilder {
    /// What sessions are built from: TLS, proxies, HTTP versions, redirects, resolver, middleware,
    /// keep-alive, the limit for each host and [`configure`](ContextBuilder::configure). Its
    /// observer is told about the pool, and its drain timeout bounds [`SessionPool::close`].
    /// Default: a builder with the defaults.
    pub fn session(mut self, session: ContextBuilder) -> Self {
        self.session = session;
        self
    }

    /// How many contexts may have a place at once. At least 1; default: 32.
    ///
    /// A context that is opened in another one, both with the same pool, takes a second place.
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

    /// How long `open` may wait for a place. Zero means not at all. Default: 30 s.
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
        let Self { session, limits } = self;
        let session = session.config;
        let observer = session.observer.clone().or_else(default_observer);
        let ledger = Arc::new(Ledger::new(limits.max_size, observer));
        // The warmest first: connections that were just used are the likeliest to be alive, and
        // what is not needed any more gets to its idle timeout.
        let config = PoolConfig {
            queue_mode: QueueMode::Lifo,
            ..PoolConfig::new(limits.max_size)
        };
        let sessions = Pool::builder(Manager::new(Arc::clone(&ledger), limits))
            .config(config)
            .build()
            .expect("without timeouts of its own the pool needs no runtime");
        SessionPool(Arc::new(Inner {
            limits,
            session,
            closing: Mutex::default(),
            ledger,
            sessions,
        }))
    }
}
