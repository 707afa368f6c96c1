//! Opens the sockets of a pool, and says which may be used once more.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Metrics, RecycleError, RecycleResult};
use tokio::time::{Instant, timeout};

use crate::context::{BOUND, Bound, HttpContext};
use crate::websocket::WebSocket;

/// What opens one, wherever that is called.
pub(super) type Connect = Box<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<WebSocket, ConnectError>> + Send>> + Send + Sync,
>;

/// What `connect` has failed with.
#[derive(Debug)]
pub(super) struct ConnectError(pub(super) Box<dyn StdError + Send + Sync>);

pub(super) struct Manager {
    pub(super) connect: Connect,
    /// The context that sockets belong to.
    pub(super) owner: HttpContext,
    pub(super) limits: Limits,
    pub(super) generation: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) refresh_on_use: bool,
    pub(super) ping_timeout: Duration,
}

/// A socket, and what is known of it.
pub(super) struct Pooled {
    pub(super) socket: WebSocket,
    opened: Instant,
    used: Instant,
    generation: u64,
}

impl Pooled {
    /// Its use has ended.
    pub(super) fn became_idle(&mut self) {
        self.used = Instant::now();
    }

    pub(super) fn is_of(&self, generation: &AtomicU64) -> bool {
        self.generation == generation.load(Ordering::Relaxed)
    }

    /// Whether it is too old, or has waited for too long.
    fn is_expired(&self, limits: &Limits) -> bool {
        let since = if limits.refresh_on_use {
            self.used
        } else {
            self.opened
        };
        let is_older = |since: Instant, limit: Option<Duration>| {
            limit.is_some_and(|limit| since.elapsed() >= limit)
        };
        is_older(since, limits.max_lifetime) || is_older(self.used, limits.idle_timeout)
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = Pooled;
    type Error = ConnectError;

    async fn create(&self) -> Result<Pooled, ConnectError> {
        let bound = Bound {
            context: self.owner.clone(),
            spawned_at: None,
        };
        let generation = self.generation.load(Ordering::Relaxed);
        // Made in there as well, since it may ask for the session before its future is polled.
        let socket = BOUND.scope(bound, async { (self.connect)().await }).await?;
        let now = Instant::now();
        Ok(Pooled {
            socket,
            opened: now,
            used: now,
            generation,
        })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<ConnectError> {
        if !pooled.is_of(&self.generation) || pooled.is_expired(&self.limits) {
            return Err(RecycleError::message("it has expired"));
        }
        match timeout(self.limits.ping_timeout, pooled.socket.is_alive()).await {
            Ok(true) => Ok(()),
            _ => Err(RecycleError::message("its peer does not answer a ping")),
        }
    }
}
