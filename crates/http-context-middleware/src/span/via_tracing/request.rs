//! The span of a request.

use std::sync::Arc;

use http::HeaderMap;
use http_context::Caller;
use parking_lot::Mutex;
use tracing::field::Empty;
use tracing::{Id, Span, dispatcher, info_span, record_all};

use crate::extensions::SpanAttribute;
use crate::propagation::Propagation;
use crate::span::choice::Spans;
use crate::span::context::ContextSpan;
use crate::span::data::{Begin, Head, Link, NoHead, Waiting, to_i64};
use crate::span::entered::{Entered, TracingEntered};
#[cfg(feature = "opentelemetry")]
use crate::span::via_otel::head;

/// Closes when the request ends.
#[derive(Debug)]
pub(crate) struct TracingSpan {
    /// The lock protects the exchange; the subscriber is called after it. In an `Arc`, since a
    /// clone of a `tracing` span calls the subscriber twice: when it is made, and when it is
    /// dropped.
    span: Mutex<Option<Arc<Span>>>,
    #[cfg(feature = "opentelemetry")]
    is_hybrid: bool,
}

impl TracingSpan {
    /// Whether a subscriber is interested.
    pub(crate) fn is_wanted() -> bool {
        tracing::span_enabled!(target: "http_context", tracing::Level::INFO)
    }

    /// `None` when no subscriber is interested.
    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(unused_variables, reason = "there is one way through `tracing`")
    )]
    pub(crate) fn begin(begin: &Begin<'_>, spans: Spans) -> Option<Self> {
        let original = begin.method.is_other().then_some(begin.method_text);
        // Fields that are recorded at the end come first, where the search for them is short.
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
            url.full = begin.url.as_str(),
            url.template = begin.template,
            http_context.id = to_i64(begin.context.get()),
            http_context.caller = begin.caller.map(Caller::name),
        );
        if span.is_disabled() {
            return None;
        }
        set_attributes(&span, &begin.more);
        Some(Self {
            span: Mutex::new(Some(Arc::new(span))),
            #[cfg(feature = "opentelemetry")]
            is_hybrid: spans == Spans::Hybrid,
        })
    }

    pub(crate) fn enter(&self) -> Option<Entered> {
        let span = self.get()?;
        Some(Entered::Tracing(TracingEntered::new(span)))
    }

    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(
            unused_variables,
            clippy::unused_self,
            reason = "only OpenTelemetry has a propagator"
        )
    )]
    pub(crate) fn inject(&self, propagation: Propagation, headers: &mut HeaderMap) {
        #[cfg(feature = "opentelemetry")]
        if let Some(span) = self.get() {
            let context = crate::propagation::context_of(&span);
            crate::propagation::inject(propagation, &context, headers);
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

    #[cfg(feature = "opentelemetry")]
    pub(crate) fn as_link(&self) -> Option<Link> {
        use opentelemetry::trace::TraceContextExt as _;
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;
        let context = self.get()?.context();
        let link = context.span().span_context().clone();
        link.is_valid().then_some(link)
    }

    pub(crate) fn answered(&self, head: &Head) {
        let Some(span) = self.take() else { return };
        #[cfg(feature = "opentelemetry")]
        if self.is_hybrid && set_behind(&span, head) {
            return;
        }
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
        // The span is entered now, and closes at its exit.
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
        // `tracing-opentelemetry` ends a span at the time of its last exit.
        span.in_scope(|| ());
    }

    fn get(&self) -> Option<Arc<Span>> {
        self.span.lock().clone()
    }

    fn take(&self) -> Option<Arc<Span>> {
        self.span.lock().take()
    }
}

/// Sets what is known of a response on the OpenTelemetry span behind one of `tracing`. Returns whether
/// there is one.
#[cfg(feature = "opentelemetry")]
fn set_behind(span: &Span, head: &Head) -> bool {
    use opentelemetry::trace::TraceContextExt as _;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    let context = span.context();
    let is_there = context.has_active_span();
    if is_there {
        head::set(&context.span(), head);
    }
    is_there
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
