//! Spans through `tracing`.

mod connection;
mod context;
mod request;
mod upgrade;

pub(crate) use self::connection::TracingSetup;
pub(crate) use self::context::TracingContextSpan;
pub(crate) use self::request::TracingSpan;
pub(crate) use self::upgrade::TracingUpgrade;
