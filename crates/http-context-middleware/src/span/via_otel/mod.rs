//! Spans directly through the OpenTelemetry API.

mod connection;
mod context;
pub(super) mod head;
mod request;
mod tracer;
mod upgrade;

pub(crate) use self::context::OtelContextSpan;
pub(crate) use self::request::OtelSpan;
pub(crate) use self::tracer::OtelTracer;
pub(crate) use self::upgrade::OtelUpgrade;
