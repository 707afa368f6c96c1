//! A connection took too long to be made.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use thiserror::Error;

use super::chain::chain;

/// A connection was not made within the `connect_timeout` of its request.
///
/// It is a source of the error that the request fails with, and
/// [`ConnectFailure::error`](crate::ConnectFailure) for observers; [`find`](Self::find) finds it in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "no connection was made in {limit:?}: raise `connect_timeout` where the server may take longer"
)]
#[non_exhaustive]
pub struct ConnectTimeout {
    /// The limit.
    pub limit: Duration,
}

impl ConnectTimeout {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit }
    }

    /// Looks for a connect that took too long among an error and its sources.
    pub fn find<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }

    /// As what a connector fails with: `reqwest` takes it for a timeout.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, self)
    }
}
