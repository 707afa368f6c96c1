//! The span of a request.

use http::HeaderMap;

use super::data::{Head, Link, NoHead, Waiting};
#[cfg(feature = "opentelemetry")]
use super::via_otel::OtelSpan;
use super::via_tracing::TracingSpan;
use super::{delegate, entered};
use crate::propagation::Propagation;

/// The span of one request. Ends once.
#[derive(Debug)]
pub(crate) enum RequestSpan {
    Tracing(TracingSpan),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(OtelSpan),
}

impl RequestSpan {
    /// Enters the span on this thread, while it has not ended, until [`exit`](Self::exit).
    pub(crate) fn enter(&self) {
        entered::push(match self {
            Self::Tracing(span) => span.enter(),
            #[cfg(feature = "opentelemetry")]
            Self::OpenTelemetry(span) => Some(span.enter()),
        });
    }

    /// Leaves what was entered last on this thread.
    pub(crate) fn exit() {
        entered::pop();
    }

    /// Adds trace context to the headers.
    pub(crate) fn inject(&self, propagation: Propagation, headers: &mut HeaderMap) {
        delegate!(self, span => span.inject(propagation, headers));
    }

    /// Begins the span of its wait for a slot.
    pub(crate) fn waits(&self, host: &dyn std::fmt::Display) -> Waiting {
        delegate!(self, span => span.waits(host))
    }

    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(
            clippy::trivially_copy_pass_by_ref,
            reason = "there is nothing to link to"
        )
    )]
    pub(crate) fn link(&self, link: &Link) {
        delegate!(self, span => span.link(link));
    }

    /// What others link to, while it has not ended.
    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(clippy::unused_self, reason = "only OpenTelemetry has links")
    )]
    pub(crate) fn as_link(&self) -> Option<Link> {
        #[cfg(feature = "opentelemetry")]
        return delegate!(self, span => span.as_link());
        #[cfg(not(feature = "opentelemetry"))]
        None
    }

    pub(crate) fn answered(&self, head: &Head) {
        delegate!(self, span => span.answered(head));
    }

    pub(crate) fn ended(&self, end: &NoHead) {
        delegate!(self, span => span.ended(end));
    }
}
