//! Spans of requests, contexts and connection setups, by `tracing` or by the OpenTelemetry API.
//!
//! The rest of the instrumentation uses [`request`] and [`context`], which delegate to
//! [`via_tracing`] or [`via_otel`]. [`data`] has the data of a request's span.

mod choice;
mod context;
mod data;
mod entered;
mod request;
mod upgrade;
#[cfg(feature = "opentelemetry")]
mod via_otel;
mod via_tracing;

pub use self::choice::Spans;
pub(crate) use self::context::ContextSpan;
#[cfg(feature = "opentelemetry")]
pub use self::context::span_context_of;
pub(crate) use self::data::{Begin, Head, Link, NoHead, Peer, Waiting};
pub(crate) use self::request::RequestSpan;
pub(crate) use self::upgrade::{Handshake, UpgradeBegin, UpgradeSpan};
#[cfg(feature = "opentelemetry")]
pub(crate) use self::via_otel::OtelTracer;
pub(crate) use self::via_tracing::{TracingContextSpan, TracingSetup, TracingSpan, TracingUpgrade};

/// Calls the same method of either variant.
macro_rules! delegate {
    ($self:ident, $span:ident => $call:expr) => {
        match $self {
            Self::Tracing($span) => $call,
            #[cfg(feature = "opentelemetry")]
            Self::OpenTelemetry($span) => $call,
        }
    };
}
use delegate;
