//! Nothing came of a response for too long.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use reqwest::Body;
use thiserror::Error;

use super::chain::chain;

/// Nothing came of a response for as long as its request has as `read_timeout`.
///
/// It is the failure of a request whose head did not come, and a source of the error that reading the
/// body ends with; [`find`](Self::find) finds it in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "nothing came for {limit:?}: raise `read_timeout` where the server may be silent for longer"
)]
#[non_exhaustive]
pub struct ReadTimeout {
    /// The limit.
    pub limit: Duration,
}

impl ReadTimeout {
    /// Looks for a read that took too long among an error and its sources.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use http_context::{ReadTimeout, http_session};
    ///
    /// let request = http_session()?.get("https://example.com/events");
    /// let mut response = request.read_timeout(Duration::from_secs(30)).send().await?;
    /// loop {
    ///     match response.chunk().await {
    ///         Ok(Some(chunk)) => println!("{} bytes", chunk.len()),
    ///         Ok(None) => break,
    ///         Err(error) if ReadTimeout::find(&error).is_some() => println!("gone silent"),
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }

    /// As what a body fails with: `reqwest` takes it for a timeout.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, self)
    }

    /// As an error of `reqwest` that is a timeout, for middleware that asks for that: one that sends
    /// requests again does so then. `reqwest` makes an error for others only of a body that fails.
    pub(super) fn into_reqwest(self) -> Option<reqwest::Error> {
        let mut body = Body::wrap(Failing(Some(self)));
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Err(error))) => Some(error),
            _ => None,
        }
    }
}

struct Failing(Option<ReadTimeout>);

impl http_body::Body for Failing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.take().map(|timeout| Err(timeout.into_io())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_timeout_for_those_who_ask_reqwest() {
        let timeout = ReadTimeout {
            limit: Duration::from_secs(1),
        };
        let error = timeout.into_reqwest().unwrap();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(ReadTimeout::find(&error), Some(&timeout));
    }
}
