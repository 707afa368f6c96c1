//! Asking Redis, and what is done when it does not answer.

use std::future::Future;
use std::time::Duration;

use redis::RedisError;
use redis::aio::ConnectionManagerConfig;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::address::RedisUrl;
use super::link::Link;
use super::refusal::{Meaning, reason};
use crate::queue::QueueError;

/// The longest that one question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long a worker that is on its way out goes on asking.
const LAST_TRIES: Duration = Duration::from_secs(2);
/// How long a reader of jobs goes on asking.
const READER_TRIES: Duration = Duration::from_secs(10);

/// A connection that is made again when it breaks. A clone is the same connection.
#[derive(Clone)]
pub(super) struct Connection {
    url: RedisUrl,
    link: Link,
    stop: CancellationToken,
}

/// For how long a question is asked again when there is no answer. It must be safe to ask twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// For ten seconds.
    OfAReader,
    /// For as long as the worker runs, and two seconds more.
    OfAWorker,
}

impl Connection {
    /// Connects once.
    pub(super) async fn open(url: &RedisUrl, stop: CancellationToken) -> Result<Self, QueueError> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        let link = Link::connect(url.client(), config)
            .await
            .map_err(|error| failure(url, &error))?;
        Ok(Self {
            url: url.clone(),
            link,
            stop,
        })
    }

    pub(super) fn link(&self) -> Link {
        self.link.clone()
    }

    pub(super) fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// Asks, and asks again while there is no answer and patience is left.
    pub(super) async fn ask<T, A: Future<Output = Result<T, RedisError>>>(
        &self,
        patience: Patience,
        mut question: impl FnMut(Link) -> A,
    ) -> Result<T, QueueError> {
        let began = Instant::now();
        let mut again = interval(ASK_AGAIN_AFTER);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        again.reset();
        loop {
            let error = match question(self.link()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_over = match patience {
                Patience::None => true,
                Patience::OfAReader => began.elapsed() >= READER_TRIES,
                Patience::OfAWorker => self.stop.is_cancelled() && began.elapsed() >= LAST_TRIES,
            };
            if is_over || !Meaning::of(&error).passes() {
                return Err(failure(&self.url, &error));
            }
            again.tick().await;
        }
    }
}

fn failure(url: &RedisUrl, error: &RedisError) -> QueueError {
    let (queue, reason) = (url.to_string(), reason(error));
    match Meaning::of(error) {
        Meaning::NoAnswer => QueueError::Unreachable { queue, reason },
        Meaning::WrongServer | Meaning::Later => QueueError::RefusesForNow { queue, reason },
        Meaning::Never => QueueError::Refused { queue, reason },
    }
}
