//! Asking PostgreSQL, and what is done when it does not answer.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Postgres};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::address::PostgresUrl;
use super::link::{CONNECTIONS, Link};
use crate::cryptography::install_provider;
use crate::queue::QueueError;
use crate::queue::shared::{Patience, Refusal as _, ask};

/// The longest that it may take to connect.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The longest that one question may take, but for one that counts.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// A connection with which a question is asked.
pub(super) type Asked = PoolConnection<Postgres>;

/// Connections that are made again when they break. A clone is the same.
#[derive(Clone)]
pub(super) struct Connection {
    url: PostgresUrl,
    link: Link,
    stop: CancellationToken,
    /// As many as connections are left beside the engine's: who waits for one is not taken to wait for the
    /// server.
    free: Arc<Semaphore>,
}

impl Connection {
    /// Connects once, to hear why it does not go: a pool asks again until its time is over, and says only that.
    pub(super) async fn open(
        url: &PostgresUrl,
        takeover: Duration,
        stop: CancellationToken,
    ) -> Result<Self, QueueError> {
        let options = options(url, takeover);
        let first = timeout(CONNECT_WITHIN, options.connect()).await;
        let first = first
            .unwrap_or_else(|_| Err(no_answer(CONNECT_WITHIN)))
            .map_err(|error| error.of_queue(url.to_string()))?;
        // Whether it says goodbye does not matter.
        let _ = timeout(CONNECT_WITHIN, first.close()).await;
        Ok(Self {
            url: url.clone(),
            link: Link::new(options),
            stop,
            free: Arc::new(Semaphore::new(CONNECTIONS as usize - 1)),
        })
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn url(&self) -> &PostgresUrl {
        &self.url
    }

    /// Asks, and asks again while there is no answer and patience is left.
    pub(super) async fn ask<T, A: Future<Output = Result<T, sqlx::Error>>>(
        &self,
        patience: Patience,
        question: impl Fn(Asked) -> A,
    ) -> Result<T, QueueError> {
        self.ask_within(ANSWER_WITHIN, patience, question).await
    }

    /// The same, for a question that may take this long.
    pub(super) async fn ask_within<T, A: Future<Output = Result<T, sqlx::Error>>>(
        &self,
        limit: Duration,
        patience: Patience,
        question: impl Fn(Asked) -> A,
    ) -> Result<T, QueueError> {
        let once = || {
            let question = &question;
            async move {
                // Nobody closes it.
                let _one = self.free.acquire().await;
                let current = self.link.current();
                let asked = async { question(current.connection().await?).await };
                let answer = tokio::select! {
                    answer = timeout(limit, asked) => {
                        answer.unwrap_or_else(|_| Err(no_answer(limit)))
                    }
                    () = self.answer_is_late_at_the_end() => Err(no_answer(ANSWER_WITHIN)),
                };
                if let Err(error) = &answer {
                    self.link.met(error, &current);
                }
                answer
            }
        };
        let asked = ask(patience, &self.stop, once);
        asked
            .await
            .map_err(|error| error.of_queue(self.url.to_string()))
    }

    /// Who is on his way out waits for no answer longer than for one that is easily had.
    async fn answer_is_late_at_the_end(&self) {
        self.stop.cancelled().await;
        sleep(ANSWER_WITHIN).await;
    }
}

/// What each connection asks for. A worker that is gone may have left a transaction open, as one that was
/// stopped has: the jobs in it can be handed out once it is ended.
fn options(url: &PostgresUrl, takeover: Duration) -> PgConnectOptions {
    // `verify-ca` looks for one. Without any, this client has no TLS either, and says so where an address
    // asks for it.
    drop(install_provider());
    let milliseconds = i32::try_from(takeover.as_millis()).unwrap_or(i32::MAX);
    let options = url.options().clone().options([
        ("default_transaction_isolation", "read committed".to_owned()),
        (
            "idle_in_transaction_session_timeout",
            milliseconds.to_string(),
        ),
    ]);
    let name = options
        .get_application_name()
        .unwrap_or("http-context-worker");
    let options = options.clone().application_name(name);
    options.disable_statement_logging()
}

fn no_answer(limit: Duration) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        format!("nothing was said within {limit:?}"),
    ))
}
