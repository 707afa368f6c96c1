//! The data of a request's span, at its start and at its end.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::{Caller, ConnectionId, ContextId, ErrorKind};
use reqwest::{StatusCode, Url};

use super::context::ContextSpan;
use crate::extensions::SpanAttribute;
use crate::method::KnownMethod;
use crate::version::ProtocolVersion;

/// A link to the span of the setup of a connection.
#[cfg(feature = "opentelemetry")]
pub(crate) type Link = opentelemetry::trace::SpanContext;
#[cfg(not(feature = "opentelemetry"))]
pub(crate) type Link = ();

/// The data of a request at the start of its span.
pub(crate) struct Begin<'r> {
    pub(crate) method: KnownMethod,
    /// The method as sent.
    pub(crate) method_text: &'r str,
    pub(crate) address: &'r Arc<str>,
    pub(crate) port: u16,
    /// Redacted.
    pub(crate) url: Cow<'r, Url>,
    pub(crate) template: Option<&'r str>,
    pub(crate) context: ContextId,
    /// By whom it is made.
    pub(crate) caller: Option<Caller>,
    /// The parent, when the caller has no span.
    pub(crate) context_span: Option<&'r ContextSpan>,
    pub(crate) more: Vec<SpanAttribute>,
    /// How many more the response may have.
    #[cfg_attr(
        not(feature = "opentelemetry"),
        expect(dead_code, reason = "only an OpenTelemetry span is told")
    )]
    pub(crate) more_later: usize,
}

impl Begin<'_> {
    /// `{method}`, or `{method} {url.template}`. An unknown method is `HTTP`.
    pub(super) fn name(&self) -> Cow<'static, str> {
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

/// The data of a response head.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: ProtocolVersion,
    pub(crate) peer: Option<Peer>,
    pub(crate) connection: Option<(ConnectionId, bool)>,
    pub(crate) idle: Option<Duration>,
    /// From the start of the request.
    #[cfg_attr(
        not(feature = "opentelemetry"),
        expect(dead_code, reason = "only an OpenTelemetry span is told")
    )]
    pub(crate) took: Duration,
    pub(crate) resends: u32,
    pub(crate) more: Vec<SpanAttribute>,
}

/// The peer of a connection, with its address as text, which is made once for a connection.
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

    pub(super) fn idle_ms(&self) -> Option<i64> {
        let idle = self.idle?;
        i64::try_from(idle.as_millis()).ok()
    }
}

/// How a request ended without a response.
pub(crate) enum NoHead {
    Failed { kind: ErrorKind, resends: u32 },
    Cancelled,
}

/// A span that ends when this is dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "kept to be dropped")]
pub(crate) enum Waiting {
    Tracing(tracing::Span),
    #[cfg(feature = "opentelemetry")]
    OpenTelemetry(opentelemetry::global::BoxedSpan),
}

/// OpenTelemetry has no unsigned integers, and `tracing-opentelemetry` makes strings of them.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
