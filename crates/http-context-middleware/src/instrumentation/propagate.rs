//! Trace context in the headers of a request.

use http::HeaderMap;
use http_context::RequestInfo;

use super::Instrumentation;
use crate::request::RequestState;

impl Instrumentation {
    /// Adds trace context to the headers, unless the request or the host of its current hop is
    /// excluded.
    pub(super) fn propagate(
        &self,
        request: &RequestInfo,
        state: &RequestState,
        headers: &mut HeaderMap,
    ) {
        if !state.propagates || self.is_excluded(request) {
            return;
        }
        let propagation = self.options.propagation;
        match &state.span {
            Some(span) => span.inject(propagation, headers),
            #[cfg(feature = "opentelemetry")]
            None => {
                let current = crate::propagation::current_context();
                crate::propagation::inject(propagation, &current, headers);
            }
            #[cfg(not(feature = "opentelemetry"))]
            None => {}
        }
    }

    fn is_excluded(&self, request: &RequestInfo) -> bool {
        let excluded = &self.options.excluded_hosts;
        // Without exclusions, a request does not pay for the question.
        !excluded.is_empty() && excluded.contains(request.destination().host())
    }
}
