//! The limit on how long a connection takes to be made.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::ConnectTimeout;

/// Runs from the call of a connector.
pub(super) struct ConnectLimit {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl ConnectLimit {
    /// One that lies beyond all time is none.
    pub(super) fn begin(limit: Option<Duration>) -> Option<Self> {
        let limit = limit?;
        let deadline = Instant::now().checked_add(limit)?;
        Some(Self {
            limit,
            timer: Box::pin(sleep_until(deadline)),
        })
    }

    /// There is no connection so far.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectTimeout> {
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(ConnectTimeout::new(self.limit))
    }
}
