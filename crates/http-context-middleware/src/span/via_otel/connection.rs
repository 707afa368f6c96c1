//! The span of the setup of a connection, in a trace of its own.

use std::time::{Duration, SystemTime};

use http_context::{ErrorKind, Origin};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};

use super::OtelTracer;
use crate::attribute;
use crate::span::data::Link;

impl OtelTracer {
    /// Makes the span of a setup that has just ended.
    pub(crate) fn connection_setup(
        &self,
        server: &Origin,
        took: Duration,
        error: Option<ErrorKind>,
    ) -> Link {
        let now = SystemTime::now();
        let mut attributes = vec![
            KeyValue::new(attribute::SERVER_ADDRESS, server.host().to_owned()),
            KeyValue::new(attribute::SERVER_PORT, i64::from(server.port())),
        ];
        attributes.extend(error.map(|kind| KeyValue::new(attribute::ERROR_TYPE, kind.as_str())));
        let span = self
            .0
            .span_builder(format!("HTTP connection_setup {server}"))
            .with_kind(SpanKind::Internal)
            .with_attributes(attributes)
            .with_start_time(now.checked_sub(took).unwrap_or(now))
            .start_with_context(&*self.0, &Context::new());
        let context = Context::new().with_span(span);
        if error.is_some() {
            context.span().set_status(Status::error(""));
        }
        context.span().end_with_timestamp(now);
        context.span().span_context().clone()
    }
}
