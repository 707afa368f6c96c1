//! Spans through `tracing`.

mod connection;
mod context;
mod request;

pub(crate) use self::connection::TracingSetup;
pub(crate) use self::context::TracingContextSpan;
pub(crate) use self::request::TracingSpan;
