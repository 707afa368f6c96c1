//! Warm sessions, handed from one context to the next.
//!
//! What is pooled is the client of a session with its connections and host slots. The handles stay
//! with their context: they are revoked at its exit, whatever becomes of the client.
//!
//! The mechanics (who waits, in which order, within which bound) are those of [`deadpool`]. This
//! module decides what may be handed on: see [`checkout`] for the way out and back, and [`manager`]
//! for what is refused on the way.

mod builder;
mod checkout;
mod close;
mod counts;
mod manager;
#[cfg(all(test, http_context_loom))]
mod models;

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use deadpool::managed::{Object, Pool, Timeouts};
use tokio::time::Instant;

pub use self::builder::PoolBuilder;
pub(crate) use self::checkout::{Checkout, TakenSession};
pub use self::close::PoolReport;
use self::counts::{Moving, PoolCounts, Waiting};
use self::manager::Manager;
use crate::error::{BuildError, PoolError, PoolExhausted};
use crate::facts::{PoolCheckout, PoolCloseReason, PoolSessionCreated, PoolStatus, PoolTimeout};
use crate::sync::Mutex;
use crate::transport::{SessionOptions, Transport};

/// Hands warm sessions from one context to the next, so that short jobs skip the handshakes.
///
/// A context with a [`pool`](crate::ContextBuilder::pool) takes a permit of it when it is opened,
/// waiting for one if need be, and gives it back at its exit. A session that waits there is used
/// with its connections; else one is built at the first use. Its handles end with the context all
/// the same.
///
/// A session is closed instead of handed on
/// - when the context left something behind, or its exit cut a request off;
/// - when the context was dropped or panicked, so that nothing was verified;
/// - when it was idle for longer than [`idle_timeout`](PoolBuilder::idle_timeout), or is older than
///   [`max_lifetime`](PoolBuilder::max_lifetime). That is seen when the pool is next used; its
///   connections are closed by [`keep_alive`](SessionOptions::keep_alive) at any rate;
/// - when it was used on another Tokio runtime: connections live on the runtime that opened them.
///
/// Its clients have no cookie store, since one job's cookies are not the next one's: cookies are the
/// context's ([`cookie_store`](crate::ContextBuilder::cookie_store)).
///
/// Sockets of pooled connections are no leak of the context that opened them. They are verified
/// when the pool [closes](Self::close).
///
/// A clone is the same pool.
///
/// # Examples
///
/// ```
/// use http_context::{ConnectionUse, SessionPool, builder, http_session};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # tokio::spawn(async move {
/// #     let (mut socket, _) = listener.accept().await.unwrap();
/// #     let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
/// #     while socket.read(&mut [0; 1024]).await.unwrap() > 0 {
/// #         socket.write_all(answer).await.unwrap();
/// #     }
/// # });
/// let pool = SessionPool::builder().max_size(8).build();
/// let jobs = builder().pool(pool.clone());
///
/// for expected in [ConnectionUse::New, ConnectionUse::Reused] {
///     let job = jobs.clone().open(async {
///         let response = http_session()?.get(&url).send().await?;
///         assert_eq!(response.extensions().get(), Some(&expected));
///         response.bytes().await?;
///         Ok::<_, Box<dyn std::error::Error>>(())
///     });
///     job.await?;
/// }
///
/// let report = pool.close().await;
/// assert!(report.is_clean());
/// assert_eq!((report.sessions_closed, report.connections), (1, 1));
/// # Ok(())
/// # }
/// ```
///
/// The example [`pooled`](https://docs.rs/crate/http-context/latest/source/examples/pooled/main.rs) shows three jobs on one connection.
#[derive(Clone)]
pub struct SessionPool(Arc<Inner>);

struct Inner {
    limits: Limits,
    /// What sessions are built from.
    session: Arc<SessionOptions>,
    drain_timeout: Duration,
    /// Held while a session is given back and while the pool closes, so that none is given back
    /// to a pool that was closed. Nothing of a user runs under it.
    closing: Mutex<()>,
    counts: Arc<PoolCounts>,
    sessions: Pool<Manager>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    max_size: usize,
    idle_timeout: Duration,
    max_lifetime: Duration,
    wait_timeout: Duration,
}

/// A checkout under way.
pub(crate) type CheckingOut = Pin<Box<dyn Future<Output = Result<Checkout, PoolError>> + Send>>;

impl SessionPool {
    /// What its sessions are built from.
    pub(crate) fn session_options(&self) -> &Arc<SessionOptions> {
        &self.0.session
    }

    /// Options for a pool, with the defaults.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// How many sessions it has, and how many wait for one, now.
    pub fn status(&self) -> PoolStatus {
        self.0.counts.status()
    }

    pub(crate) fn options(&self) -> &SessionOptions {
        &self.0.session
    }

    /// Takes a permit if one is free.
    pub(crate) fn try_checkout(&self) -> Result<Checkout, PoolError> {
        self.close_idle();
        let at_once = Timeouts {
            wait: Some(Duration::ZERO),
            create: None,
            recycle: None,
        };
        let _moving = Moving::begin(&self.0.counts);
        let got = pin!(self.0.sessions.timeout_get(&at_once));
        // Creating and recycling wait for nothing, and neither does this.
        match got.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(object)) => Ok(self.checked_out(object, Duration::ZERO)),
            Poll::Ready(Err(_)) if self.0.sessions.is_closed() => Err(PoolError::Closed),
            Poll::Ready(Err(_)) | Poll::Pending => Err(self.exhausted(Duration::ZERO).into()),
        }
    }

    /// Waits for a permit, up to the wait timeout.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its turn in the queue, and no session is lost.
    pub(crate) fn checkout(self) -> CheckingOut {
        Box::pin(async move {
            if self.0.sessions.is_closed() {
                return Err(PoolError::Closed);
            }
            if self.0.limits.wait_timeout.is_zero() {
                return Err(self.refuse_exhausted(Duration::ZERO));
            }
            let since = Instant::now();
            let waiting = Waiting::begin(&self.0.counts);
            let get = tokio::time::timeout(self.0.limits.wait_timeout, self.0.sessions.get());
            let mut get = pin!(get);
            // Only while it is polled, since a pool that closes waits for no context that waits for it.
            let (got, _moving) = poll_fn(|cx| {
                let moving = Moving::begin(&self.0.counts);
                get.as_mut().poll(cx).map(|got| (got, moving))
            })
            .await;
            match got {
                Ok(Ok(object)) => {
                    waiting.end();
                    Ok(self.checked_out(object, since.elapsed()))
                }
                Ok(Err(_)) => Err(PoolError::Closed),
                Err(_) => {
                    waiting.end();
                    Err(self.refuse_exhausted(since.elapsed()))
                }
            }
        })
    }

    /// Takes a permit if one is free; otherwise that is a timeout of no wait.
    pub(crate) fn checkout_now(&self) -> Result<Checkout, PoolError> {
        self.try_checkout().map_err(|error| match error {
            PoolError::Exhausted(_) => self.refuse_exhausted(Duration::ZERO),
            PoolError::Closed => error,
        })
    }

    /// The error of a context that got no permit, which is a timeout.
    fn refuse_exhausted(&self, waited: Duration) -> PoolError {
        let timeout = PoolTimeout { waited };
        self.0
            .counts
            .notify(|observer, status| observer.pool_timed_out(status, &timeout));
        self.exhausted(waited).into()
    }

    /// Builds a session for a permit that came without one.
    pub(crate) fn build(&self) -> Result<Transport, BuildError> {
        Transport::build_pooled(&self.0.session, &self.0.counts.observers)
    }

    /// A session was built for a permit.
    pub(crate) fn notify_created(&self, duration: Duration) {
        let created = PoolSessionCreated { duration };
        self.0
            .counts
            .notify(|observer, status| observer.pool_session_created(status, &created));
    }

    /// Closes a session that was taken out of its permit.
    pub(crate) fn close_session(&self, mut taken: TakenSession, reason: PoolCloseReason) {
        taken.session.close(&self.0.counts, reason);
    }

    fn checked_out(&self, object: Object<Manager>, waited: Duration) -> Checkout {
        let checkout = Checkout::new(self.clone(), object);
        let is_warm = checkout.is_warm();
        let fact = PoolCheckout { waited, is_warm };
        self.0
            .counts
            .notify(|observer, status| observer.pool_checked_out(status, &fact));
        checkout
    }

    fn exhausted(&self, waited: Duration) -> PoolExhausted {
        let PoolStatus {
            max_size,
            used,
            idle,
            waiting,
            ..
        } = self.status();
        PoolExhausted {
            max_size,
            used,
            idle,
            waiting,
            waited,
        }
    }

    /// Closes the sessions that nobody took for too long. Looked for when the pool is used, and
    /// only then: nothing runs on behalf of a pool.
    fn close_idle(&self) {
        let Inner {
            limits,
            sessions,
            counts,
            ..
        } = &*self.0;
        if !counts.may_have_expired(limits) {
            return;
        }
        let _moving = Moving::begin(counts);
        let now = Instant::now();
        let mut expired = Vec::new();
        let removed = sessions.retain(|session, _| {
            let reason = session.expired(limits, now);
            expired.extend(reason);
            reason.is_none()
        });
        for (mut session, reason) in removed.removed.into_iter().zip(expired) {
            counts.left_idle();
            session.close(counts, reason);
        }
    }
}

impl fmt::Debug for SessionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionPool")
            .field("limits", &self.0.limits)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
