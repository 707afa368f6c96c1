//! Warm WebSockets for code that speaks to one service again and again.

mod builder;
mod error;
mod manager;
mod pooled;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Object, Pool};
use futures_util::future::{join_all, try_join_all};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

pub use self::builder::WebSocketPoolBuilder;
pub use self::error::WebSocketPoolError;
use self::manager::Manager;
pub use self::pooled::PooledWebSocket;
use super::socket::WebSocket;
use crate::context::{HttpContext, current};
use crate::identity::CallSite;

/// WebSockets that are kept open between their uses.
///
/// They belong to the context in which the pool was built: a service opens one for its life and builds
/// the pool there, and its jobs, which have contexts of their own, borrow from it. A job's report has
/// how many it borrowed ([`websockets_borrowed`](crate::ExitReport::websockets_borrowed)), and one
/// that it keeps past its exit is a leak of the job. When the context of the pool exits, the pool
/// closes.
///
/// A socket goes back by [`put_back`](PooledWebSocket::put_back), when its use has ended as it should:
/// one that is dropped before, since its job failed or was cancelled, is closed, for an answer may be
/// under way that the next one would take for its own. A warm socket is handed out after it has
/// answered a ping, with nothing before the answer.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use http_context::http_session;
/// use http_context::websocket::{Message, WebSocketPool};
/// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// let pool = WebSocketPool::builder(async || {
///     let session = http_session()?;
///     Ok::<_, BoxError>(session.websocket("wss://api.example.com/speech").connect().await?)
/// })
/// .max_size(4)
/// .build()?;
/// pool.prewarm(1).await?;
///
/// let mut socket = pool.get().await?;
/// socket.send(Message::text("hello")).await?;
/// let answer = socket.next().await;
/// socket.put_back();
/// # drop(answer);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WebSocketPool {
    inner: Arc<Inner>,
}

struct Inner {
    sockets: Pool<Manager>,
    owner: HttpContext,
    wait_timeout: Duration,
    /// Those of another generation are not handed out any more.
    generation: Arc<AtomicU64>,
}

impl WebSocketPool {
    /// Options for a pool whose sockets `connect` opens, in the context where the pool is built.
    pub fn builder<F, Fut, E>(connect: F) -> WebSocketPoolBuilder
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<WebSocket, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        WebSocketPoolBuilder::new(connect)
    }

    /// A warm socket, or one that is opened now.
    ///
    /// # Errors
    ///
    /// See [`WebSocketPoolError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it was opening or asking, and takes nothing else from the pool.
    #[track_caller]
    pub fn get(
        &self,
    ) -> impl Future<Output = Result<PooledWebSocket, WebSocketPoolError>> + Send + use<> {
        let (inner, call_site) = (Arc::clone(&self.inner), Location::caller());
        async move {
            let object = inner.take().await?;
            let borrow = inner.borrow(call_site);
            Ok(PooledWebSocket::new(object, borrow, &inner.generation))
        }
    }

    /// Opens sockets until there are as many, or as many as the pool may have.
    ///
    /// # Errors
    ///
    /// The first of those of [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// As for [`get`](Self::get).
    pub async fn prewarm(&self, count: usize) -> Result<(), WebSocketPoolError> {
        let most = self.inner.sockets.status().max_size;
        let warm = (0..count.min(most)).map(|_| self.inner.take());
        let warm = try_join_all(warm).await?;
        drop(warm);
        Ok(())
    }

    /// Closes those that wait, and those that are in use once they are put back, without waiting for
    /// their peers: when a token has changed, say.
    pub fn invalidate(&self) {
        self.inner.generation.fetch_add(1, Ordering::Relaxed);
        drop(self.inner.sockets.retain(|_, _| false));
    }

    /// Closes the pool and the sockets that wait in it, and waits for the answers of their peers. Those
    /// that are in use are closed when they are put back. `get` fails from here on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes them without waiting.
    pub async fn close(&self) {
        self.inner.close().await;
    }

    /// How many sockets there are, in use or not.
    pub fn size(&self) -> usize {
        self.inner.sockets.status().size
    }

    /// How many wait to be used.
    pub fn idle(&self) -> usize {
        self.inner.sockets.status().available
    }
}

impl Inner {
    async fn take(&self) -> Result<Object<Manager>, WebSocketPoolError> {
        let taken = self.sockets.get().await;
        taken.map_err(|error| WebSocketPoolError::of(error, self.wait_timeout))
    }

    async fn close(&self) {
        let waiting = self.sockets.retain(|_, _| false).removed;
        self.sockets.close();
        let closes = waiting.into_iter().map(|mut pooled| async move {
            // It is closed, whatever the peer says.
            let _ = pooled.socket.close(CloseCode::Away, "").await;
        });
        join_all(closes).await;
    }

    /// Counts it in the context that uses it, where that is another one.
    fn borrow(&self, call_site: CallSite) -> Option<crate::session::Borrow> {
        let context = current().filter(|context| context.id() != self.owner.id())?;
        context.scope().stats.borrowed();
        let sessions = context.sessions().ok()?;
        Some(sessions.borrow(call_site))
    }
}

impl fmt::Debug for WebSocketPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketPool")
            .field("size", &self.size())
            .field("idle", &self.idle())
            .finish_non_exhaustive()
    }
}
