//! What can be turned on or off around a request, one at a time.

use std::time::Duration;

use async_trait::async_trait;
use http_context::{ContextBuilder, HttpVersions, Observer, RedirectPolicy};
use http_context_middleware::{InstrumentationBuilder, Propagation};
use opentelemetry_sdk::trace::{Sampler, TracerProviderBuilder};
use reqwest::header::HeaderValue;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

/// One thing more, or less, than a variant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// As the variant is.
    Nothing,
    /// HTTP/1.1 alone.
    Http1,
    /// A limit on the time of each request.
    RequestTimeout,
    /// A limit on the wait for the next bytes.
    ReadTimeout,
    /// A limit on the size of each body.
    MaxResponseBody,
    /// No redirect is followed.
    NoRedirects,
    /// A header that each request gets.
    UserAgent,
    /// A default of requests.
    ErrorForStatus,
    /// A middleware that does nothing.
    Middleware,
    /// An observer that does nothing.
    Observer,
    /// Sizes of bodies on spans.
    BodySizes,
    /// A header of the response on spans.
    ResponseHeader,
    /// A host that gets no trace context, and is another one.
    ExcludedHost,
    /// Trace context by the propagator of the SDK.
    GlobalPropagation,
    /// A sampler that drops every span.
    Unsampled,
}

impl Fact {
    pub(crate) fn set_on(self, context: ContextBuilder) -> ContextBuilder {
        let limit = Duration::from_secs(30);
        match self {
            Self::Http1 => context.http_versions(HttpVersions::Http1),
            Self::RequestTimeout => context.request_timeout(limit),
            Self::ReadTimeout => context.read_timeout(limit),
            Self::MaxResponseBody => context.max_response_body(1 << 20),
            Self::NoRedirects => context.redirect(RedirectPolicy::none()),
            Self::UserAgent => context.user_agent(HeaderValue::from_static("bench")),
            Self::ErrorForStatus => context.error_for_status(true),
            Self::Middleware => context.with(Idle),
            Self::Observer => context.observer(std::sync::Arc::new(Idle)),
            _ => context,
        }
    }

    pub(crate) fn set_on_instrumentation(
        self,
        builder: InstrumentationBuilder,
    ) -> InstrumentationBuilder {
        match self {
            Self::BodySizes => builder.body_sizes_on_spans(true),
            Self::ResponseHeader => builder.response_headers(["content-length"]),
            Self::ExcludedHost => builder.no_propagation_to("another.example"),
            Self::GlobalPropagation => builder.propagation(Propagation::Global),
            _ => builder,
        }
    }

    pub(crate) fn set_on_tracer(self, builder: TracerProviderBuilder) -> TracerProviderBuilder {
        match self {
            Self::Unsampled => builder.with_sampler(Sampler::AlwaysOff),
            _ => builder,
        }
    }
}

/// Does nothing.
struct Idle;

impl Observer for Idle {}

#[async_trait]
impl Middleware for Idle {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        next.run(request, extensions).await
    }
}
