//! The span of the setup of a connection, in a trace of its own.

use http_context::{ErrorKind, Origin};
use tracing::field::Empty;
use tracing::{Span, info_span, record_all};

use crate::span::data::Link;

/// The setup of a connection.
pub(crate) struct TracingSetup;

impl TracingSetup {
    pub(crate) fn begin(server: &Origin) -> Span {
        info_span!(
            target: "http_context",
            parent: None,
            "HTTP connection_setup",
            otel.name = format!("HTTP connection_setup {server}"),
            otel.kind = "internal",
            server.address = server.host(),
            server.port = i64::from(server.port()),
            error.r#type = Empty,
            otel.status_code = Empty,
        )
    }

    /// Ends the span. Returns the link for requests on the connection.
    pub(crate) fn end(span: &Span, error: Option<ErrorKind>) -> Option<Link> {
        if let Some(kind) = error {
            record_all!(
                span,
                error.r#type = kind.as_str(),
                otel.status_code = "error",
            );
        }
        #[cfg(feature = "opentelemetry")]
        {
            use opentelemetry::trace::TraceContextExt as _;
            use tracing_opentelemetry::OpenTelemetrySpanExt as _;
            let context = span.context();
            let link = context.span().span_context().clone();
            link.is_valid().then_some(link)
        }
        #[cfg(not(feature = "opentelemetry"))]
        None
    }
}
