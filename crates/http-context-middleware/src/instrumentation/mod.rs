//! The observer that turns facts into spans, metrics and the ledger.

mod facts;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use http_context::{ConnectionInfo, ErrorKind, Host, HttpContext, ObserverAlreadySet, RequestInfo};

use crate::attribute;
use crate::builder::{InstrumentationBuilder, Options};
use crate::events::{ContextEvent, RateLimit};
use crate::extensions::{
    AttributeValue, SpanAttribute, SpanAttributes, UrlTemplate, WithoutPropagation,
};
use crate::ledger::{Connection, Ledger, Use};
use crate::method::KnownMethod;
use crate::pool_metrics::PoolMetrics;
use crate::process_metrics::ProcessMetrics;
use crate::request_state::RequestState;
use crate::server::Server;
use crate::servers::Servers;
#[cfg(feature = "opentelemetry")]
use crate::span::OtelTracer;
use crate::span::{Begin, ContextSpan, Link, RequestSpan, Spans, TracingSetup, TracingSpan};
use crate::templates::Templates;

/// Spans, metrics, log lines and the connection ledger of every session that it observes.
///
/// See the [crate's documentation](crate) for how to install it.
pub struct Instrumentation {
    options: Options,
    metrics: ProcessMetrics,
    pools: PoolMetrics,
    servers: Servers,
    templates: Templates,
    ledger: Arc<Ledger>,
    log_rate: RateLimit,
    #[cfg(feature = "opentelemetry")]
    tracer: Option<OtelTracer>,
}

impl Instrumentation {
    pub(crate) fn new(
        options: Options,
        metrics: ProcessMetrics,
        pools: PoolMetrics,
        servers: Servers,
        templates: Templates,
        ledger: Arc<Ledger>,
        log_rate: RateLimit,
    ) -> Self {
        #[cfg(feature = "opentelemetry")]
        let tracer = (options.spans == Spans::OpenTelemetry).then(OtelTracer::global);
        Self {
            options,
            metrics,
            pools,
            servers,
            templates,
            ledger,
            log_rate,
            #[cfg(feature = "opentelemetry")]
            tracer,
        }
    }

    /// Options, with their defaults.
    pub fn builder() -> InstrumentationBuilder {
        InstrumentationBuilder::default()
    }

    /// Makes an instrumentation with the defaults the observer of every context that has none of
    /// its own.
    ///
    /// # Errors
    ///
    /// [`ObserverAlreadySet`] when the process has one; it stays.
    pub fn install() -> Result<Arc<Self>, ObserverAlreadySet> {
        Self::builder().install()
    }

    /// The connections of the sessions that it observes.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn begin_span(
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
        let redaction = request.context().redaction();
        let url = || redaction.redact(head.url()).as_str().to_owned();
        // The server of the metrics is `_OTHER` beyond the cap; a span tells its own.
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
            url: &url,
            template: extensions.get::<UrlTemplate>().map(UrlTemplate::as_str),
            context: request.context().id(),
            context_span: request.context().attached(),
            more,
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
        TracingSpan::begin(&begin).map(RequestSpan::Tracing)
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

    fn tell_context(&self, context: &HttpContext, event: &ContextEvent<'_>) {
        let logs =
            event.level().is_some() && self.log_rate.lets_through(event.name(), event.places());
        match context.attached::<ContextSpan>() {
            Some(span) => span.event(event, logs),
            None if logs => event.log(None),
            None => {}
        }
    }

    fn connection_made(
        &self,
        request: Option<&RequestInfo>,
        state: Option<&RequestState>,
        info: &ConnectionInfo,
    ) -> Arc<Connection> {
        let server = self.servers.of(&info.server);
        server.create_duration(None).record(info.create_duration);
        let keep_alive = request.map_or(Duration::MAX, |request| request.context().keep_alive());
        let open = |opened_for| self.ledger.opened(info, server, keep_alive, opened_for);
        match state {
            Some(state) => state.connected(open),
            None => open(Use::Spare),
        }
    }

    fn not_connected(
        &self,
        state: Option<&RequestState>,
        server: &Host,
        took: Duration,
        kind: ErrorKind,
    ) {
        let known = self.servers.of(server);
        known.create_duration(Some(kind)).record(took);
        self.note_setup(state, server, took, Some(kind));
    }

    #[cfg_attr(
        not(feature = "opentelemetry"),
        allow(
            unused_variables,
            clippy::unused_self,
            reason = "only an OpenTelemetry tracer makes the span now, from all of this"
        )
    )]
    fn note_setup(
        &self,
        state: Option<&RequestState>,
        server: &Host,
        took: Duration,
        error: Option<ErrorKind>,
    ) -> Option<Link> {
        let setup = state.and_then(RequestState::take_setup);
        #[cfg(feature = "opentelemetry")]
        if let Some(tracer) = &self.tracer {
            let is_shown = self.options.connection_spans;
            return is_shown.then(|| tracer.connection_setup(server, took, error));
        }
        TracingSetup::end(&setup?, error)
    }

    fn may_propagate(&self, request: &RequestInfo, extensions: &Extensions) -> bool {
        self.options.propagates
            && extensions.get::<WithoutPropagation>().is_none()
            && !self
                .options
                .not_propagated_to
                .iter()
                .any(|host| host == request.host())
    }
}

impl fmt::Debug for Instrumentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrumentation")
            .field("spans", &self.options.spans)
            .field("connections", &self.ledger.connections().len())
            .finish_non_exhaustive()
    }
}

fn size(name: &'static str, bytes: u64) -> SpanAttribute {
    SpanAttribute {
        name: Cow::Borrowed(name),
        value: AttributeValue::Int(i64::try_from(bytes).unwrap_or(i64::MAX)),
    }
}
