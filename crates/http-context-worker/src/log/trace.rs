//! The trace that a line belongs to.
//!
//! Inside of a request it is the request's span, elsewhere in a job the job's. What is said of a job
//! after its context has closed is said with what was noted while it was open.

#[cfg(feature = "otlp")]
mod exported {
    use std::sync::OnceLock;

    use http_context_middleware::span_context_of;
    use opentelemetry::Context;
    use opentelemetry::trace::{SpanContext, TraceContextExt};

    fn here() -> Option<SpanContext> {
        let current = Context::current();
        let span = current.span().span_context().clone();
        if span.is_valid() {
            return Some(span);
        }
        span_context_of(http_context::current()?.info())
    }

    pub(in crate::log) fn ids() -> Option<(String, String)> {
        let span = here()?;
        Some((span.trace_id().to_string(), span.span_id().to_string()))
    }

    /// The trace of a job, once it was noted.
    #[derive(Debug, Default)]
    pub(crate) struct JobTrace(OnceLock<SpanContext>);

    impl JobTrace {
        /// Called inside of the job.
        pub(crate) fn note(&self) {
            if let Some(span) = here() {
                // A job is one context: there is nothing to replace.
                let _ = self.0.set(span);
            }
        }

        /// Says something of the job.
        pub(crate) fn says(&self, say: impl FnOnce()) {
            let span = self.0.get().cloned();
            let context = span.map(|span| Context::new().with_remote_span_context(span));
            let _entered = context.map(Context::attach);
            say();
        }
    }
}

#[cfg(not(feature = "otlp"))]
mod exported {
    pub(in crate::log) fn ids() -> Option<(String, String)> {
        None
    }

    /// There are no traces.
    #[derive(Debug, Default)]
    pub(crate) struct JobTrace {}

    impl JobTrace {
        /// Nothing is to be noted.
        #[expect(clippy::unused_self, reason = "the same call as with traces")]
        pub(crate) fn note(&self) {}

        /// Says something of the job.
        #[expect(clippy::unused_self, reason = "the same call as with traces")]
        pub(crate) fn says(&self, say: impl FnOnce()) {
            say();
        }
    }
}

pub(crate) use self::exported::JobTrace;
pub(super) use self::exported::ids;
