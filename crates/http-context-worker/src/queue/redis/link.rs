//! The connection under all questions, and when another one takes its place.
//!
//! The client's [`ConnectionManager`] connects again when a connection breaks. Two things it keeps
//! to: a connection that is silent, behind an address that has moved on for instance, and one to a
//! server that answers and was demoted, as in a failover that leaves its clients connected. Both are
//! given up here for a new manager, which resolves the address anew. The engine asks through it too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, Pipeline, RedisError, RedisFuture, Value};
use tokio::time::Instant;

use crate::queue::shared::{Meaning, Refusal as _};

/// The least time between two connections, so that a server that stays the wrong one is not flooded.
const MIN_AGE: Duration = Duration::from_millis(250);

/// See the module's documentation. A clone is the same link.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    config: ConnectionManagerConfig,
    /// Whether a question has met another server than before, perhaps.
    trouble: AtomicBool,
    /// Held for a clone or a replacement, and never across an `await`.
    current: Mutex<Current>,
}

#[derive(Clone)]
struct Current {
    manager: ConnectionManager,
    made_at: Instant,
    /// Distinguishes a connection from those before it.
    number: u64,
}

impl Link {
    /// Connects once.
    pub(super) async fn connect(
        client: &Client,
        config: ConnectionManagerConfig,
    ) -> Result<Self, RedisError> {
        let manager = client
            .get_connection_manager_with_config(config.clone())
            .await?;
        Ok(Self(Arc::new(Inner {
            client: client.clone(),
            config,
            trouble: AtomicBool::new(false),
            current: Mutex::new(Current {
                manager,
                made_at: Instant::now(),
                number: 0,
            }),
        })))
    }

    /// Whether a connection has broken, or led to the wrong server, since this was last asked. The
    /// server behind the address may be another one since.
    pub(super) fn take_trouble(&self) -> bool {
        self.0.trouble.swap(false, Ordering::Relaxed)
    }

    fn current(&self) -> Current {
        self.0.current.lock().clone()
    }

    /// Looks at an error that connection `number` has brought.
    fn met(&self, error: &RedisError, number: u64) {
        if !matches!(error.meaning(), Meaning::NoAnswer | Meaning::WrongServer) {
            return;
        }
        self.0.trouble.store(true, Ordering::Relaxed);
        let mut current = self.0.current.lock();
        if current.number != number || current.made_at.elapsed() < MIN_AGE {
            return;
        }
        // It connects with the next question. The old one closes with the last question on it.
        let made =
            ConnectionManager::new_lazy_with_config(self.0.client.clone(), self.0.config.clone());
        if let Ok(manager) = made {
            *current = Current {
                manager,
                made_at: Instant::now(),
                number: number + 1,
            };
        }
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        async move {
            let mut current = self.current();
            let answer = current.manager.req_packed_command(command).await;
            match &answer {
                Ok(Value::ServerError(error)) => self.met(&error.clone().into(), current.number),
                Ok(_) => {}
                Err(error) => self.met(error, current.number),
            }
            answer
        }
        .boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        async move {
            let mut current = self.current();
            let answers = current
                .manager
                .req_packed_commands(pipeline, offset, count)
                .await;
            match &answers {
                Ok(answers) => {
                    for answer in answers {
                        if let Value::ServerError(error) = answer {
                            self.met(&error.clone().into(), current.number);
                        }
                    }
                }
                Err(error) => self.met(error, current.number),
            }
            answers
        }
        .boxed()
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}
