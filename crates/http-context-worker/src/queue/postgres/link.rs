//! The connections under all questions, and when others take their place.
//!
//! A pool connects again when a connection breaks. Two things it keeps to: connections that are silent, behind
//! an address that has moved on for instance, and those to a server that answers and takes no writes. They
//! are given up here for a new pool, which resolves the address anew. And all connections of a pool are to one
//! server, from one start of it to its end: one that follows another may know less, and who settles with both
//! by turns would lose what only one of them knows.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Postgres};
use tokio::time::{Instant, timeout};

use super::connection::CONNECT_WITHIN;
use crate::queue::shared::{Meaning, Refusal as _};

/// The least time between two pools, so that a server that stays the wrong one is not flooded.
const MIN_AGE: Duration = Duration::from_millis(250);
/// How long a server is waited for that is asked why it has refused a connection before.
const REFUSED_WITHIN: Duration = Duration::from_millis(500);
/// The engine, the keeper, the writer of results, and one for what comes in between.
pub(super) const CONNECTIONS: u32 = 4;

/// See the module's documentation. A clone is the same link.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    /// Whether a question has met another server than before, perhaps.
    trouble: AtomicBool,
    /// Held for a clone or a replacement, and never across an `await`.
    current: Mutex<Current>,
}

#[derive(Clone)]
pub(super) struct Current {
    pub(super) pool: PgPool,
    made_at: Instant,
    /// Distinguishes a pool from those before it.
    number: u64,
    /// The server of its connections.
    server: Arc<Server>,
}

/// One server, from one start of it to its end.
#[derive(Default)]
struct Server {
    /// When the first one that was connected to was started.
    started: OnceLock<String>,
    /// Whether a connection was made to another one.
    is_mixed: AtomicBool,
}

impl Server {
    /// Notes the server of a connection.
    fn note(&self, started: &str) {
        if *self.started.get_or_init(|| started.to_owned()) != started {
            self.is_mixed.store(true, Ordering::Relaxed);
        }
    }
}

impl Link {
    /// Connects with the first question. Must be called in a runtime.
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self(Arc::new(Inner {
            current: Mutex::new(Current::new(&options, 0)),
            options,
            trouble: AtomicBool::new(false),
        }))
    }

    /// See [`Shared::take_trouble`](crate::queue::shared::Shared::take_trouble).
    pub(super) fn take_trouble(&self) -> bool {
        self.0.trouble.swap(false, Ordering::Relaxed)
    }

    pub(super) fn current(&self) -> Current {
        self.0.current.lock().clone()
    }

    /// Looks at an error that this pool has brought.
    pub(super) fn met(&self, error: &sqlx::Error, met_by: &Current) {
        if !matches!(error.meaning(), Meaning::NoAnswer | Meaning::WrongServer) {
            return;
        }
        self.0.trouble.store(true, Ordering::Relaxed);
        self.replace(&mut self.0.current.lock(), met_by.number);
    }

    /// Begins a new pool, where this one is still the present one, and not too soon.
    fn replace(&self, current: &mut Current, number: u64) {
        if current.number != number || current.made_at.elapsed() < MIN_AGE {
            return;
        }
        let next = Current::new(&self.0.options, number + 1);
        let former = std::mem::replace(current, next);
        // It closes with the last question on it.
        tokio::spawn(async move { former.pool.close().await });
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.current().pool.close().await;
    }
}

impl Current {
    /// A connection for one question.
    pub(super) async fn connection(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let connection = match self.pool.acquire().await {
            Err(sqlx::Error::PoolTimedOut) => return Err(self.refusal().await),
            acquired => acquired?,
        };
        // Looked at with the connection in hand: were this one to another server, it would show.
        if self.server.is_mixed.load(Ordering::Relaxed) {
            return Err(io::Error::other("another server answers by now").into());
        }
        Ok(connection)
    }

    /// Why none was had in time: a pool that is refused asks again until then, and says only that.
    async fn refusal(&self) -> sqlx::Error {
        let options = self.pool.connect_options();
        match timeout(REFUSED_WITHIN, options.connect()).await {
            Ok(Err(refusal)) => refusal,
            _ => sqlx::Error::PoolTimedOut,
        }
    }

    /// Nothing is connected yet.
    fn new(options: &PgConnectOptions, number: u64) -> Self {
        let server = Arc::new(Server::default());
        let noted = Arc::clone(&server);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_WITHIN)
            .idle_timeout(None)
            .max_lifetime(None)
            // A connection that has broken meanwhile is found by the question, which is asked again.
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let noted = Arc::clone(&noted);
                Box::pin(async move {
                    let started = "SELECT pg_postmaster_start_time()::text";
                    let started: String = sqlx::query_scalar(started).fetch_one(connection).await?;
                    noted.note(&started);
                    Ok(())
                })
            })
            .connect_lazy_with(options.clone());
        Self {
            pool,
            made_at: Instant::now(),
            number,
            server,
        }
    }
}
