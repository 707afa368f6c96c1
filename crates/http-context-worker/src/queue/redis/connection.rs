//! Asking Redis, and what is done when it does not answer.

use std::future::Future;
use std::time::Duration;

use redis::RedisError;
use redis::aio::ConnectionManagerConfig;
use tokio_util::sync::CancellationToken;

use super::address::RedisUrl;
use super::link::Link;
use crate::cryptography::install_provider;
use crate::queue::QueueError;
use crate::queue::shared::{Patience, Refusal as _, ask};

/// The longest that one question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A connection that is made again when it breaks. A clone is the same connection.
#[derive(Clone)]
pub(super) struct Connection {
    url: RedisUrl,
    link: Link,
    stop: CancellationToken,
}

impl Connection {
    /// Connects once.
    pub(super) async fn open(url: &RedisUrl, stop: CancellationToken) -> Result<Self, QueueError> {
        if url.is_encrypted() {
            install_provider().map_err(|error| QueueError::Refused {
                queue: url.to_string(),
                reason: error.to_string(),
            })?;
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        let link = Link::connect(url.client(), config)
            .await
            .map_err(|error| error.of_queue(url.to_string()))?;
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
        let asked = ask(patience, &self.stop, || question(self.link()));
        asked
            .await
            .map_err(|error| error.of_queue(self.url.to_string()))
    }
}
