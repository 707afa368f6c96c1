//! A request waited too long for its turn.

use std::time::Duration;

use thiserror::Error;

/// A request waited too long for a slot at its host, and was never sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "all {limit} slots at {host} are in use after {waited:?}: raise `max_connections_per_host` or \
     `queue_timeout`, or read responses to their end"
)]
#[non_exhaustive]
pub struct QueueTimeout {
    /// The host, with its port.
    pub host: String,
    /// How many requests to it may be under way at once.
    pub limit: usize,
    /// How long this one waited.
    pub waited: Duration,
}
