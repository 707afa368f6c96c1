//! When a job may run.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment of the wall clock in whole seconds since 1970, or any moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunAt(pub(crate) u64);

impl RunAt {
    /// At once.
    pub(crate) const NOW: Self = Self(0);

    /// The first whole second that is not before it.
    pub(crate) fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs() + u64::from(since.subsec_nanos() > 0))
    }
}
