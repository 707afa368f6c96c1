//! The tracer that makes the spans.

use std::sync::Arc;

use opentelemetry::global::{self, BoxedTracer};

/// Makes the spans, by the tracer provider that was global at its first use.
#[derive(Clone, Debug)]
pub(crate) struct OtelTracer(pub(super) Arc<BoxedTracer>);

impl OtelTracer {
    pub(crate) fn global() -> Self {
        let scope = opentelemetry::InstrumentationScope::builder("http_context")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Self(Arc::new(global::tracer_with_scope(scope)))
    }
}
