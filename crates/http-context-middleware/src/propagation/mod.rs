//! Trace context on requests as they are sent: to whom, and how.

#[cfg(feature = "opentelemetry")]
mod trace_context;

#[cfg(feature = "opentelemetry")]
pub(crate) use self::trace_context::{context_of, current_context, inject};
