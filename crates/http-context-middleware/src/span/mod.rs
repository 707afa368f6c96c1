//! The span of a request, by `tracing` or by the OpenTelemetry API.

#[cfg(feature = "opentelemetry")]
mod lookup;
#[cfg(feature = "opentelemetry")]
mod otel;
mod tracing_span;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http_context::{ConnectionId, ContextId, ErrorKind};
use reqwest::StatusCode;

#[cfg(feature = "opentelemetry")]
pub use self::lookup::span_context_of;
#[cfg(feature = "opentelemetry")]
pub(crate) use self::otel::{OtelContextSpan, OtelSpan, OtelTracer};
pub(crate) use self::tracing_span::{TracingContextSpan, TracingSetup, TracingSpan};
use crate::extensions::SpanAttribute;
use crate::method::KnownMethod;
use crate::version::ProtocolVersion;

/// What a request links to: the span of the making of its connection.
#[cfg(feature = "opentelemetry")]
pub(crate) type Link = opentelemetry::trace::SpanContext;
#[cfg(not(feature = "opentelemetry"))]
pub(crate) type Link = ();

/// How spans are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spans {
    /// None are.
    Off,
    /// Through `tracing`: for logs and every subscriber, and for OpenTelemetry by way of
    /// `tracing-opentelemetry`. Costs close to nothing where no subscriber wants them.
    #[default]
    Tracing,
    /// Straight through the OpenTelemetry API and its global tracer provider, as children of the
    /// current `tracing` span or OpenTelemetry context. `tracing` does not see them; they cost a
    /// fraction of the above.
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry,
}

/// What is known of a request when its span begins.
pub(crate) struct Begin<'r> {
    pub(crate) method: KnownMethod,
    /// As sent.
    pub(crate) method_text: &'r str,
    pub(crate) address: &'r Arc<str>,
    pub(crate) port: u16,
    pub(crate) url: &'r dyn Fn() -> String,
    pub(crate) template: Option<&'r str>,
    pub(crate) context: ContextId,
    /// The parent, where the caller has no span.
    pub(crate) context_span: Option<&'r ContextSpan>,
    pub(crate) more: Vec<SpanAttribute>,
}

impl Begin<'_> {
    /// `{method}`, or `{method} {url.template}`. The method is `HTTP` where it is not known.
    fn name(&self) -> std::borrow::Cow<'static, str> {
        let method = if self.method.is_other() {
            "HTTP"
        } else {
            self.method.as_str()
        };
        match self.template {
            None => method.into(),
            Some(template) => format!("{method} {template}").into(),
        }
    }
}

/// What is known when the response head is there.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: ProtocolVersion,
    pub(crate) peer: Option<Peer>,
    pub(crate) connection: Option<(ConnectionId, bool)>,
    pub(crate) idle: Option<Duration>,
    pub(crate) resends: u32,
    pub(crate) more: Vec<SpanAttribute>,
}

/// The other end of a connection, with its address as text: made once for a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: Arc<str>,
    pub(crate) port: u16,
}

impl From<SocketAddr> for Peer {
    fn from(peer: SocketAddr) -> Self {
        Self {
            address: peer.ip().to_string().into(),
            port: peer.port(),
        }
    }
}

impl Head {
    pub(crate) fn is_error(&self) -> bool {
        self.status.as_u16() >= 400
    }

    fn idle_ms(&self) -> Option<i64> {
        let idle = self.idle?;
        i64::try_from(idle.as_millis()).ok()
    }
}

/// How a request ended without a response.
pub(crate) enum NoHead {
    Failed { kind: ErrorKind, resends: u32 },
    Cancelled,
}

/// The span of one request. Ends once.
#[derive(Debug)]
pub(crate) enum RequestSpan {
    Tracing(TracingSpan),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(OtelSpan),
}

/// Calls the same method of whichever it is.
macro_rules! delegate {
    ($self:ident, $span:ident => $call:expr) => {
        match $self {
            Self::Tracing($span) => $call,
            #[cfg(feature = "opentelemetry")]
            Self::OpenTelemetry($span) => $call,
        }
    };
}

impl RequestSpan {
    /// Runs `poll` inside the span, while it has not ended.
    pub(crate) fn enter(&self, poll: &mut dyn FnMut()) {
        delegate!(self, span => span.enter(poll));
    }

    /// Adds trace context to the headers, by the global propagator.
    pub(crate) fn inject(&self, headers: &mut HeaderMap) {
        delegate!(self, span => span.inject(headers));
    }

    /// The request waits for a slot; what it gives back is dropped when that is over.
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

    pub(crate) fn answered(&self, head: &Head) {
        delegate!(self, span => span.answered(head));
    }

    pub(crate) fn ended(&self, end: &NoHead) {
        delegate!(self, span => span.ended(end));
    }
}

/// A span that is over when this is dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "kept to be dropped")]
pub(crate) enum Waiting {
    Tracing(tracing::Span),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(opentelemetry::global::BoxedSpan),
}

/// The span of a context, from its open to its exit.
#[derive(Debug)]
pub(crate) enum ContextSpan {
    Tracing(TracingContextSpan),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(OtelContextSpan),
}

impl ContextSpan {
    /// What OpenTelemetry knows it by.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn span_context(&self) -> Option<opentelemetry::trace::SpanContext> {
        match self {
            Self::Tracing(span) => span.span_context(),
            Self::OpenTelemetry(span) => Some(span.span_context()),
        }
    }

    /// An event on the span. `logs` says whether a log line is due as well.
    pub(crate) fn event(&self, event: &crate::events::ContextEvent<'_>, logs: bool) {
        delegate!(self, span => span.event(event, logs));
    }

    pub(crate) fn close(&self, outcome: http_context::Outcome) {
        delegate!(self, span => span.close(outcome));
    }
}

/// OpenTelemetry has no unsigned integers, and `tracing-opentelemetry` makes strings of them.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
