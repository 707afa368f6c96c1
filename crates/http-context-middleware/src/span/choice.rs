//! How spans are made.

/// How spans are made.
///
/// ```
/// use http_context_middleware::{Instrumentation, Spans};
///
/// // Metrics alone.
/// let observer = Instrumentation::builder().spans(Spans::Off).build();
/// let jobs = http_context::builder().observer(observer);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spans {
    /// No spans.
    Off,
    /// Through `tracing`: for logs and every subscriber, and for OpenTelemetry with
    /// `tracing-opentelemetry`. Costs close to nothing without an interested subscriber.
    #[default]
    Tracing,
    /// Directly through the OpenTelemetry API and its global tracer provider, as children of the
    /// current `tracing` span or OpenTelemetry context. `tracing` does not see them; they cost a
    /// fraction of [`Tracing`](Self::Tracing).
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry,
    /// As [`Tracing`](Self::Tracing), but that what is known of a response is set on the span which
    /// `tracing-opentelemetry` has made, past `tracing`: layers that write logs do not see it. Costs
    /// 2,000 instructions less for each request. A failure is recorded as ever, and where no such
    /// layer is, so is a response.
    #[cfg(feature = "opentelemetry")]
    Hybrid,
}

impl Spans {
    /// Whether they are made through `tracing`.
    pub(crate) fn are_of_tracing(self) -> bool {
        #[cfg(feature = "opentelemetry")]
        return matches!(self, Self::Tracing | Self::Hybrid);
        #[cfg(not(feature = "opentelemetry"))]
        return self == Self::Tracing;
    }
}
