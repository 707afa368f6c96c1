//! Which runtime a session lives on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{self, Handle};

/// Which runtime a session sends on: its connections live there, and nowhere else.
#[derive(Debug, Default)]
pub(super) struct RuntimeMark {
    first: OnceLock<runtime::Id>,
    has_crossed: AtomicBool,
}

impl RuntimeMark {
    /// Notes that a request is sent on the runtime that calls this.
    pub(super) fn note(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let id = runtime.id();
        if *self.first.get_or_init(|| id) != id {
            self.has_crossed.store(true, Ordering::Release);
        }
    }

    /// Whether requests were sent on more than one runtime.
    pub(super) fn has_crossed(&self) -> bool {
        self.has_crossed.load(Ordering::Acquire)
    }

    /// Whether requests were sent on another runtime than the one that calls this.
    pub(super) fn is_of_another_runtime(&self) -> bool {
        let Some(first) = self.first.get() else {
            return false;
        };
        Handle::try_current().map_or(true, |runtime| runtime.id() != *first)
    }
}
