//! What the instrumentation makes of each fact.

use super::{Instrumentation, size};
use crate::attribute;
use crate::events::{ContextEvent, log_slow_queue};
use crate::extensions::{Uninstrumented, UrlTemplate};
use crate::ledger::Connection;
use crate::method::KnownMethod;
use crate::request_state::RequestState;
use crate::series::End;
use crate::span::{ContextSpan, Head, NoHead, Spans, TracingContextSpan, TracingSetup};
use crate::version::ProtocolVersion;
use http::{Extensions, HeaderMap};
use http_context::{
    BodyEnd, BodyEndReason, ConnectFailure, ConnectionInfo, ConnectionUse, ErrorKind, ExitReport,
    Host, HttpContext, Leak, NameLookup, NestedOpen, PoolCloseReason, PoolStatus, RequestError,
    RequestInfo, ResponseHead, SessionId, SessionSource,
};
use reqwest::{StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

impl http_context::Observer for Instrumentation {
    fn context_opened(&self, context: &HttpContext) {
        self.metrics.context_opened();
        let span = match self.options.spans {
            Spans::Off => None,
            Spans::Tracing => TracingContextSpan::begin(context).map(ContextSpan::Tracing),
            #[cfg(feature = "opentelemetry")]
            Spans::OpenTelemetry => self
                .tracer
                .as_ref()
                .map(|tracer| ContextSpan::OpenTelemetry(tracer.context_span(context))),
        };
        if let Some(span) = span {
            context.attach(span);
        }
    }

    fn nested_open(&self, context: &HttpContext, nested: &NestedOpen) {
        self.metrics.nested_open(nested.policy);
        self.tell_context(context, &ContextEvent::NestedOpen(nested));
    }

    fn context_closed(&self, context: &HttpContext, report: &ExitReport) {
        self.metrics.context_closed(report);
        self.ledger.exited();
        if let Some(span) = context.attached::<ContextSpan>() {
            span.close(report.outcome);
        }
    }

    fn session_opened(&self, _: &HttpContext, _: SessionId, source: SessionSource) {
        self.metrics.session_opened(source);
    }

    fn session_closed(&self, context: &HttpContext, session: SessionId) {
        self.ledger.session_closed(session, context.is_pooled());
    }

    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) {
        if extensions.get::<Uninstrumented>().is_some() {
            return;
        }
        let server = self.servers.of(request.server());
        let method = KnownMethod::of(request.method());
        server.active_requests(method).increment(1);
        let template = extensions
            .get::<UrlTemplate>()
            .map(|template| self.templates.bounded(&template.0));
        let span = self.begin_span(request, head, extensions, method, server);
        request.attach(RequestState::new(
            Arc::clone(server),
            method,
            template,
            span,
            self.may_propagate(request, extensions),
        ));
    }

    fn poll_request(&self, request: &RequestInfo, poll: &mut dyn FnMut()) {
        match request.attached::<RequestState>() {
            Some(RequestState {
                span: Some(span), ..
            }) => span.enter(poll),
            _ => poll(),
        }
    }

    fn request_queued(&self, request: &RequestInfo) {
        if self.options.queue_spans
            && let Some(state) = request.attached::<RequestState>()
        {
            let host = request.server();
            state.queued(state.span.as_ref().map(|span| span.waits(&**host)));
        }
    }

    fn request_dequeued(&self, request: &RequestInfo, waited: Duration) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.dequeued();
        state.server.time_in_queue(state.method).record(waited);
        if waited >= self.options.slow_queue {
            let places = (request.context().opened_at(), Some(request.place()));
            if self
                .log_rate
                .lets_through("http_context.slow_queue", places)
            {
                log_slow_queue(request, waited);
            }
        }
    }

    fn request_sending(&self, request: &RequestInfo, headers: &mut HeaderMap) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.sending();
        if state.propagates {
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

    fn request_redirected(&self, request: &RequestInfo, _: StatusCode, _: &Url, to: &Arc<Host>) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.server.redirects().increment(1);
        state.redirected(self.servers.of(to));
    }

    fn response_headers(&self, request: &RequestInfo, headers: &HeaderMap) {
        if let Some(state) = request.attached::<RequestState>() {
            let shown = self.options.response_headers.attributes(headers);
            state.set_response_attributes(shown.collect());
        }
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        let connection = head
            .connection
            .as_ref()
            .and_then(|info| info.attached::<Arc<Connection>>());
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let version = ProtocolVersion::of(head.version);
        let end = End::Answered(head.status, version);
        let idle = state.answered(end, connection.cloned());
        if let Some(idle) = idle {
            state.server.connection_idle().record(idle);
        }
        let server = &state.server;
        server.active_requests(state.method).decrement(1);
        server.request_connections(head.connection_use).increment(1);
        let took = request.started().elapsed();
        server.record_duration(&state.key(end), took.as_secs_f64());
        let Some(span) = &state.span else { return };
        if let Some(link) = connection.and_then(|connection| connection.setup.get()) {
            span.link(link);
        }
        let mut more = state.take_response_attributes();
        if self.options.body_sizes
            && let Some(bytes) = head.content_length
        {
            more.push(size(attribute::HTTP_RESPONSE_BODY_SIZE, bytes));
        }
        span.answered(&Head {
            status: head.status,
            version,
            peer: connection
                .and_then(|connection| connection.peer.clone())
                .or_else(|| head.peer.map(Into::into)),
            connection: head.connection.as_ref().map(|connection| {
                let is_reused = head.connection_use == ConnectionUse::Reused;
                (connection.id, is_reused)
            }),
            idle,
            resends: request.resends(),
            more,
        });
    }

    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let kind = if request.body_failed() {
            ErrorKind::RequestBody
        } else {
            error.kind()
        };
        // An exit cuts off by closing the session; so does a caller, in a context that is open.
        let is_ours = kind == ErrorKind::SessionClosed;
        // That a connect took too long is told by the request only: the connect itself was given up.
        if kind == ErrorKind::Timeout
            && error.is_connect()
            && let Some((server, after)) = state.connect_given_up()
        {
            self.not_connected(Some(state), &server, after, kind);
        }
        state.ended(is_ours || kind == ErrorKind::Timeout);
        if is_ours && request.context().is_closed() {
            state.server.aborted().increment(1);
        }
        state.server.active_requests(state.method).decrement(1);
        let took = request.started().elapsed();
        let key = state.key(End::Failed(kind));
        state.server.record_duration(&key, took.as_secs_f64());
        if let Some(span) = &state.span {
            let resends = request.resends();
            span.ended(&NoHead::Failed { kind, resends });
        }
    }

    fn request_cancelled(&self, request: &RequestInfo) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.ended(true);
        state.server.active_requests(state.method).decrement(1);
        let took = request.started().elapsed();
        let key = state.key(End::Cancelled);
        state.server.record_duration(&key, took.as_secs_f64());
        if let Some(span) = &state.span {
            span.ended(&NoHead::Cancelled);
        }
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let is_whole = end.reason == BodyEndReason::Complete;
        let Some(head) = state.body_ended(!is_whole) else {
            return;
        };
        if end.reason == BodyEndReason::Aborted && request.context().is_closed() {
            state.server.aborted().increment(1);
        }
        let sent = request.body_size();
        if !is_whole && sent.is_none() {
            return;
        }
        let key = state.key(head);
        if let Some(sent) = sent {
            state.server.record_request_size(&key, sent);
        }
        if is_whole {
            state.server.record_response_size(&key, end.bytes);
        }
    }

    fn name_resolved(&self, _: Option<&RequestInfo>, lookup: &NameLookup) {
        let name = self.options.lookup_names.then_some(&*lookup.name);
        let failed = lookup.addresses.is_none_or(|found| found == 0);
        self.metrics
            .name_resolved(lookup.duration.as_secs_f64(), failed, name);
    }

    fn connect_started(&self, request: Option<&RequestInfo>, server: &Arc<Host>) {
        let Some(state) = request.and_then(|request| request.attached::<RequestState>()) else {
            return;
        };
        let by_tracing = self.options.connection_spans && self.options.spans == Spans::Tracing;
        let setup = by_tracing.then(|| TracingSetup::begin(server));
        state.connect_started(server, setup);
    }

    fn connection_opened(&self, request: Option<&RequestInfo>, connection: &Arc<ConnectionInfo>) {
        let state = request.and_then(|request| request.attached::<RequestState>());
        let took = connection.create_duration;
        let setup = self.note_setup(state, &connection.server, took, None);
        let known = self.connection_made(request, state, connection);
        if let Some(setup) = setup {
            let _ = known.setup.set(setup);
        }
        connection.attach(known);
    }

    fn connect_failed(&self, request: Option<&RequestInfo>, failure: &ConnectFailure<'_>) {
        let state = request.and_then(|request| request.attached::<RequestState>());
        self.not_connected(state, failure.server, failure.duration, failure.kind());
    }

    fn connect_abandoned(&self, request: Option<&RequestInfo>, after: Duration) {
        if let Some(state) = request.and_then(|request| request.attached::<RequestState>()) {
            state.connect_abandoned(after);
        }
    }

    fn leak(&self, context: &HttpContext, leak: &Leak) {
        self.metrics.leaked(leak.kind, leak.count);
        self.tell_context(context, &ContextEvent::Leak(leak, context.leak_policy()));
    }

    fn leak_resolved(&self, _: &HttpContext, leak: &Leak) {
        self.metrics.leak_resolved(leak.kind, leak.count);
    }

    fn pool_wait_started(&self, pool: &PoolStatus) {
        self.pools.told(pool);
    }

    fn pool_wait_abandoned(&self, pool: &PoolStatus) {
        self.pools.told(pool);
    }

    fn pool_timed_out(&self, pool: &PoolStatus, waited: Duration) {
        self.pools.told(pool);
        self.pools.waited(waited);
        self.pools.timed_out();
    }

    fn pool_checked_out(&self, pool: &PoolStatus, waited: Duration, _: bool) {
        self.pools.told(pool);
        self.pools.waited(waited);
    }

    fn pool_session_created(&self, pool: &PoolStatus, took: Duration) {
        self.pools.told(pool);
        self.pools.created(took);
    }

    fn pool_returned(&self, pool: &PoolStatus, used: Duration) {
        self.pools.told(pool);
        self.pools.used(used);
    }

    fn pool_session_closed(&self, pool: &PoolStatus, _: PoolCloseReason) {
        self.pools.told(pool);
        self.ledger.pooled_session_closed();
    }

    fn pool_closed(&self, pool: &PoolStatus) {
        self.pools.told(pool);
    }
}
