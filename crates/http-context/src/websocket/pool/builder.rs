//! Options of a pool of WebSockets.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Pool, PoolConfig, QueueMode};

use super::manager::{Connect, ConnectError, Limits, Manager};
use super::{Inner, WebSocketPool};
use crate::context::current;
use crate::error::NoContext;
use crate::websocket::WebSocket;

/// Options for a [`WebSocketPool`], from [`WebSocketPool::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct WebSocketPoolBuilder {
    connect: Connect,
    max_size: usize,
    wait_timeout: Duration,
    limits: Limits,
}

impl WebSocketPoolBuilder {
    pub(super) fn new<F, Fut, E>(connect: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<WebSocket, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let connect: Connect = Box::new(move || {
            let connecting = connect();
            Box::pin(async { connecting.await.map_err(|error| ConnectError(error.into())) })
        });
        Self {
            connect,
            max_size: 16,
            wait_timeout: Duration::from_secs(30),
            limits: Limits {
                idle_timeout: None,
                max_lifetime: None,
                refresh_on_use: false,
                ping_timeout: Duration::from_secs(1),
            },
        }
    }

    /// How many sockets there may be, in use or not. At least 1; default: 16.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.max_size = max_size.max(1);
        self
    }

    /// How long `get` waits while all are in use. Zero means not at all. Default: 30 s.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.wait_timeout = timeout;
        self
    }

    /// How long a socket may wait for its next use. Looked at when the next one is wanted. Default: no
    /// limit.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = Some(timeout);
        self
    }

    /// How old a socket may be to be used once more: for services that end sessions after a time.
    /// Default: no limit.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.limits.max_lifetime = Some(lifetime);
        self
    }

    /// Whether the lifetime counts from the last use. Default: from when it was opened.
    pub fn refresh_on_use(mut self, refresh: bool) -> Self {
        self.limits.refresh_on_use = refresh;
        self
    }

    /// How long the peer of a warm socket may take to answer the ping that is sent before it is handed
    /// out. Default: 1 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.limits.ping_timeout = timeout;
        self
    }

    /// Makes the pool, without any socket. It belongs to the context that is bound to this task, and
    /// closes when that exits. To be called in a runtime, since a task waits for that.
    ///
    /// # Errors
    ///
    /// [`NoContext`] where none is bound.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn build(self) -> Result<WebSocketPool, NoContext> {
        let owner = current().ok_or(NoContext)?;
        let generation = Arc::default();
        let manager = Manager {
            connect: self.connect,
            owner: owner.clone(),
            limits: self.limits,
            generation: Arc::clone(&generation),
        };
        let mut config = PoolConfig::new(self.max_size);
        // The one that was used last is the least likely to have been closed.
        config.queue_mode = QueueMode::Lifo;
        config.timeouts.wait = Some(self.wait_timeout);
        let sockets = Pool::builder(manager)
            .config(config)
            .runtime(Runtime::Tokio1);
        let sockets = sockets
            .build()
            .expect("it has the runtime that its timeout needs");
        let closing = owner.closing();
        let inner = Arc::new(Inner {
            sockets,
            owner,
            wait_timeout: self.wait_timeout,
            generation,
        });
        let pool = Arc::downgrade(&inner);
        tokio::spawn(close_at(closing, pool));
        Ok(WebSocketPool { inner })
    }
}

async fn close_at(closing: impl Future<Output = ()>, pool: Weak<Inner>) {
    closing.await;
    if let Some(pool) = pool.upgrade() {
        pool.close().await;
    }
}

impl fmt::Debug for WebSocketPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketPoolBuilder")
            .field("max_size", &self.max_size)
            .finish_non_exhaustive()
    }
}
