//! Trace context on a request, as it is sent.

use http::HeaderMap;
use http_context::RequestInfo;

use super::Instrumentation;
use crate::request::RequestState;

impl Instrumentation {
    /// Adds trace context to the headers, unless the request or its host is to have none. A hop of a
    /// redirect is judged by its own host.
    pub(super) fn propagate(
        &self,
        request: &RequestInfo,
        state: &RequestState,
        headers: &mut HeaderMap,
    ) {
        if !state.propagates {
            return;
        }
        let hop = state.hop();
        let host = hop.as_ref().unwrap_or(request.origin());
        if self.options.excluded_hosts.contains(host.host()) {
            return;
        }
        match &state.span {
            Some(span) => span.inject(headers),
            #[cfg(feature = "opentelemetry")]
            None => {
                crate::propagation::inject(&crate::propagation::current_context(), headers);
            }
            #[cfg(not(feature = "opentelemetry"))]
            None => {}
        }
    }
}
