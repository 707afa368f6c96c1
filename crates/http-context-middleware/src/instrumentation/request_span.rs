//! The start of the span of a request.

use std::borrow::Cow;
use std::sync::Arc;

use http::Extensions;
use http_context::RequestInfo;

use super::Instrumentation;
use crate::attribute;
use crate::extensions::{AttributeValue, SpanAttribute, SpanAttributes, UrlTemplate};
use crate::method::KnownMethod;
use crate::metrics::Server;
use crate::span::{Begin, RequestSpan, Spans, TracingSpan};

impl Instrumentation {
    pub(super) fn begin_span(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
        method: KnownMethod,
        server: &Arc<Server>,
    ) -> Option<RequestSpan> {
        if self.options.spans == Spans::Off {
            return None;
        }
        let url = || request.context().redaction().redact(head.url());
        // In metrics the server is `_OTHER` beyond the cap; a span has its own address.
        let own_address: Arc<str>;
        let address = if &*server.address == attribute::OTHER {
            own_address = request.host().into();
            &own_address
        } else {
            &server.address
        };
        let begin = |more| Begin {
            method,
            method_text: request.method().as_str(),
            address,
            port: request.port(),
            url: url(),
            template: extensions.get::<UrlTemplate>().map(UrlTemplate::as_str),
            context: request.context().id(),
            caller: request.caller(),
            context_span: request.context().attached(),
            more,
            more_later: usize::from(self.options.body_sizes) + self.options.response_headers.len(),
        };
        #[cfg(feature = "opentelemetry")]
        if let Some(tracer) = &self.tracer {
            let begin = begin(self.more_attributes(head, extensions));
            let span = tracer.begin(&begin, request.started());
            return Some(RequestSpan::OpenTelemetry(span));
        }
        if !TracingSpan::is_wanted() {
            return None;
        }
        let begin = begin(self.more_attributes(head, extensions));
        TracingSpan::begin(&begin, self.options.spans).map(RequestSpan::Tracing)
    }

    fn more_attributes(
        &self,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) -> Vec<SpanAttribute> {
        let mut more = Vec::new();
        if let Some(SpanAttributes(attributes)) = extensions.get() {
            more.extend_from_slice(attributes);
        }
        if let Some(attributes) = &self.options.attributes {
            more.extend(attributes(head, extensions).0);
        }
        more.extend(self.options.request_headers.attributes(head.headers()));
        if self.options.body_sizes
            && let Some(bytes) = head.body().and_then(reqwest::Body::as_bytes)
        {
            more.push(size(attribute::HTTP_REQUEST_BODY_SIZE, bytes.len() as u64));
        }
        more
    }
}

pub(super) fn size(name: &'static str, bytes: u64) -> SpanAttribute {
    SpanAttribute {
        name: Cow::Borrowed(name),
        value: AttributeValue::Int(i64::try_from(bytes).unwrap_or(i64::MAX)),
    }
}
