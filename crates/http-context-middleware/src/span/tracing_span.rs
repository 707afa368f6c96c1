//! Spans through `tracing`.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http_context::{ErrorKind, Host, HttpContext, Outcome};
use tracing::field::Empty;
use tracing::{Id, Span, dispatcher, info_span, record_all};

use super::{Begin, ContextSpan, Head, Link, NoHead, Waiting, to_i64};
use crate::events::ContextEvent;
use crate::extensions::SpanAttribute;

/// Dropped, and so closed, when the request ends.
///
/// In an `Arc`, because a clone of a `tracing` span asks the subscriber, twice: when it is made,
/// and when it is dropped.
#[derive(Debug)]
pub(crate) struct TracingSpan(Mutex<Option<Arc<Span>>>);

impl TracingSpan {
    /// Whether a subscriber may want one.
    pub(crate) fn is_wanted() -> bool {
        tracing::span_enabled!(target: "http_context", tracing::Level::INFO)
    }

    /// `None` when no subscriber wants it.
    pub(crate) fn begin(begin: &Begin<'_>) -> Option<Self> {
        let original = begin.method.is_other().then_some(begin.method_text);
        // What is recorded at the end stands first, where it is found first.
        let span = info_span!(
            target: "http_context",
            parent: parent(begin.context_span),
            "HTTP request",
            http.response.status_code = Empty,
            network.protocol.version = Empty,
            network.peer.address = Empty,
            network.peer.port = Empty,
            http_context.connection.id = Empty,
            http_context.connection.reused = Empty,
            http_context.connection.idle_ms = Empty,
            error.r#type = Empty,
            otel.status_code = Empty,
            http.request.resend_count = Empty,
            otel.name = &*begin.name(),
            otel.kind = "client",
            http.request.method = begin.method.as_str(),
            http.request.method_original = original,
            server.address = &**begin.address,
            server.port = i64::from(begin.port),
            url.full = (begin.url)(),
            url.template = begin.template,
            http_context.id = to_i64(begin.context.get()),
        );
        if span.is_disabled() {
            return None;
        }
        set_attributes(&span, &begin.more);
        Some(Self(Mutex::new(Some(Arc::new(span)))))
    }

    pub(crate) fn enter(&self, poll: &mut dyn FnMut()) {
        match self.get() {
            Some(span) => span.in_scope(poll),
            None => poll(),
        }
    }

    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(
            unused_variables,
            clippy::unused_self,
            reason = "only OpenTelemetry has a propagator"
        )
    )]
    pub(crate) fn inject(&self, headers: &mut HeaderMap) {
        #[cfg(feature = "opentelemetry")]
        if let Some(span) = self.get() {
            crate::propagation::inject(&crate::propagation::context_of(&span), headers);
        }
    }

    pub(crate) fn waits(&self, host: &dyn std::fmt::Display) -> Waiting {
        let request = self.get();
        Waiting::Tracing(info_span!(
            target: "http_context",
            parent: request.as_deref().and_then(Span::id),
            "HTTP wait_for_connection",
            otel.name = format!("HTTP wait_for_connection {host}"),
            otel.kind = "internal",
        ))
    }

    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(
            unused_variables,
            clippy::unused_self,
            clippy::trivially_copy_pass_by_ref,
            reason = "only OpenTelemetry has links"
        )
    )]
    pub(crate) fn link(&self, link: &Link) {
        #[cfg(feature = "opentelemetry")]
        if let Some(span) = self.get() {
            tracing_opentelemetry::OpenTelemetrySpanExt::add_link(&*span, link.clone());
        }
    }

    pub(crate) fn answered(&self, head: &Head) {
        let Some(span) = self.take() else { return };
        let peer = head.peer.as_ref();
        record_all!(
            span,
            http.response.status_code = i64::from(head.status.as_u16()),
            network.protocol.version = head.version.as_str(),
            network.peer.address = peer.map(|peer| &*peer.address),
            network.peer.port = peer.map(|peer| i64::from(peer.port)),
            http_context.connection.id = head.connection.map(|(id, _)| to_i64(id.get())),
            http_context.connection.reused = head.connection.map(|(_, is_reused)| is_reused),
            http_context.connection.idle_ms = head.idle_ms(),
        );
        if head.is_error() {
            record_all!(
                span,
                error.r#type = head.status.as_str(),
                otel.status_code = "error",
            );
        }
        record_resends(&span, head.resends);
        set_attributes(&span, &head.more);
        // It is entered now, and ends when it is left.
    }

    pub(crate) fn ended(&self, end: &NoHead) {
        let Some(span) = self.take() else { return };
        if let NoHead::Failed { kind, resends } = end {
            record_all!(
                span,
                error.r#type = kind.as_str(),
                otel.status_code = "error",
            );
            record_resends(&span, *resends);
        }
        // `tracing-opentelemetry` takes the time when a span was last left for its end.
        span.in_scope(|| ());
    }

    fn get(&self) -> Option<Arc<Span>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn take(&self) -> Option<Arc<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The span of the caller, or else that of the context.
fn parent(context: Option<&ContextSpan>) -> Option<Id> {
    let current = dispatcher::get_default(|dispatch| dispatch.current_span().into_inner());
    match (current, context) {
        (None, Some(ContextSpan::Tracing(context))) => context.id(),
        (current, _) => current.map(|(id, _)| id),
    }
}

fn record_resends(span: &Span, resends: u32) {
    if resends > 0 {
        record_all!(span, http.request.resend_count = i64::from(resends),);
    }
}

#[cfg_attr(
    not(feature = "opentelemetry"),
    allow(
        unused_variables,
        reason = "`tracing` knows no attribute by a name made at run time"
    )
)]
fn set_attributes(span: &Span, attributes: &[SpanAttribute]) {
    #[cfg(feature = "opentelemetry")]
    for attribute in attributes {
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;
        let attribute = opentelemetry::KeyValue::from(attribute);
        span.set_attribute(attribute.key, attribute.value);
    }
}

/// The making of a connection: a trace of its own.
pub(crate) struct TracingSetup;

impl TracingSetup {
    pub(crate) fn begin(server: &Host) -> Span {
        info_span!(
            target: "http_context",
            parent: None,
            "HTTP connection_setup",
            otel.name = format!("HTTP connection_setup {server}"),
            otel.kind = "internal",
            server.address = server.name(),
            server.port = i64::from(server.port()),
            error.r#type = Empty,
            otel.status_code = Empty,
        )
    }

    /// Ends it; requests can link to what comes back.
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

/// The span of a context.
#[derive(Debug)]
pub(crate) struct TracingContextSpan(Mutex<Option<Span>>);

impl TracingContextSpan {
    pub(crate) fn begin(context: &HttpContext) -> Option<Self> {
        if !tracing::span_enabled!(target: "http_context", tracing::Level::INFO) {
            return None;
        }
        let span = info_span!(
            target: "http_context",
            "http_context",
            outcome = Empty,
            otel.kind = "internal",
            http_context.id = to_i64(context.id().get()),
            http_context.name = context.name(),
            code.file.path = context.opened_at().file(),
            code.line.number = i64::from(context.opened_at().line()),
        );
        (!span.is_disabled()).then(|| Self(Mutex::new(Some(span))))
    }

    fn id(&self) -> Option<Id> {
        let span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        span.as_ref().and_then(Span::id)
    }

    /// That which a layer has given it.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn span_context(&self) -> Option<opentelemetry::trace::SpanContext> {
        use opentelemetry::trace::TraceContextExt as _;
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;
        let span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(span.as_ref()?.context().span().span_context().clone())
    }

    pub(crate) fn event(&self, event: &ContextEvent<'_>, logs: bool) {
        let span = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        #[cfg(feature = "opentelemetry")]
        {
            use tracing_opentelemetry::OpenTelemetrySpanExt as _;
            if let Some(span) = span {
                span.add_event(event.name(), event.otel_attributes());
            }
            if logs {
                event.log(None);
            }
        }
        // A log line inside of a span is an event of it as well.
        #[cfg(not(feature = "opentelemetry"))]
        if logs {
            event.log(span.as_ref());
        }
    }

    pub(crate) fn close(&self, outcome: Outcome) {
        let span = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(span) = span {
            record_all!(span, outcome = outcome.as_str(),);
        }
    }
}
