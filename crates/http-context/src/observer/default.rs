//! The observer of a whole process.

use std::sync::{Arc, OnceLock};

use super::Observer;

static DEFAULT_OBSERVER: OnceLock<Arc<dyn Observer>> = OnceLock::new();

/// Installs an observer of every context, beside those that a context has of its own.
///
/// Call it once, at start-up: contexts that are already open are not affected.
///
/// # Errors
///
/// [`ObserverAlreadySet`] when there is one; it stays.
///
/// ```
/// use std::sync::Arc;
///
/// use http_context::{ContextInfo, ExitReport, Observer, set_default_observer};
///
/// struct Leaks;
///
/// impl Observer for Leaks {
///     fn context_closed(&self, _: &ContextInfo, report: &ExitReport) {
///         if !report.is_clean() {
///             eprintln!("{report}");
///         }
///     }
/// }
///
/// set_default_observer(Arc::new(Leaks))?;
/// # Ok::<(), http_context::ObserverAlreadySet>(())
/// ```
pub fn set_default_observer(observer: Arc<dyn Observer>) -> Result<(), ObserverAlreadySet> {
    DEFAULT_OBSERVER
        .set(observer)
        .map_err(|_| ObserverAlreadySet)
}

pub(super) fn default_observer() -> Option<&'static dyn Observer> {
    DEFAULT_OBSERVER.get().map(|observer| &**observer)
}

/// A default observer was installed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a default observer is already installed: install one in a process, at start-up")]
#[non_exhaustive]
pub struct ObserverAlreadySet;
