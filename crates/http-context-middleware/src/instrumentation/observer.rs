//! The facts of the core, and where the instrumentation handles each.

use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap};
use http_context::{
    BodyEnd, ConnectFailure, ConnectionInfo, ExitReport, Host, HttpContext, Leak, NameLookup,
    NestedOpen, Observer, PoolCloseReason, PoolStatus, RequestError, RequestInfo, ResponseHead,
    SessionId, SessionSource,
};
use reqwest::{StatusCode, Url};

use super::Instrumentation;
use crate::events::{ContextEvent, log_slow_queue};
use crate::request::RequestState;
use crate::span::{ContextSpan, Spans, TracingSetup};

impl Observer for Instrumentation {
    fn context_opened(&self, context: &HttpContext) {
        self.metrics.context_opened();
        if let Some(span) = self.begin_context_span(context) {
            context.attach(span);
        }
    }

    fn nested_open(&self, context: &HttpContext, nested: &NestedOpen) {
        self.metrics.nested_open(nested.policy);
        self.note_event(context, &ContextEvent::NestedOpen(nested));
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
        self.start_request(request, head, extensions);
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
        if let Some(state) = request.attached::<RequestState>() {
            state.sending();
            self.propagate(request, state, headers);
        }
    }

    fn request_redirected(&self, request: &RequestInfo, _: StatusCode, _: &Url, to: &Arc<Host>) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.server.redirects().increment(1);
        state.redirected(to, self.servers.of(to));
    }

    fn response_headers(&self, request: &RequestInfo, headers: &HeaderMap) {
        if let Some(state) = request.attached::<RequestState>() {
            let shown = self.options.response_headers.attributes(headers);
            state.set_response_attributes(shown.collect());
        }
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.note_answer(request, head);
    }

    fn request_failed(&self, request: &RequestInfo, error: &RequestError) {
        self.note_failure(request, error);
    }

    fn request_cancelled(&self, request: &RequestInfo) {
        Self::note_cancellation(request);
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        Self::note_body_end(request, end);
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
        self.note_event(context, &ContextEvent::Leak(leak, context.leak_policy()));
    }

    fn leak_resolved(&self, _: &HttpContext, leak: &Leak) {
        self.metrics.leak_resolved(leak.kind, leak.count);
    }

    fn pool_wait_started(&self, pool: &PoolStatus) {
        self.pools.update(pool);
    }

    fn pool_wait_abandoned(&self, pool: &PoolStatus) {
        self.pools.update(pool);
    }

    fn pool_timed_out(&self, pool: &PoolStatus, waited: Duration) {
        self.pools.update(pool);
        self.pools.waited(waited);
        self.pools.timed_out();
    }

    fn pool_checked_out(&self, pool: &PoolStatus, waited: Duration, _: bool) {
        self.pools.update(pool);
        self.pools.waited(waited);
    }

    fn pool_session_created(&self, pool: &PoolStatus, took: Duration) {
        self.pools.update(pool);
        self.pools.created(took);
    }

    fn pool_returned(&self, pool: &PoolStatus, used: Duration) {
        self.pools.update(pool);
        self.pools.used(used);
    }

    fn pool_session_closed(&self, pool: &PoolStatus, _: PoolCloseReason) {
        self.pools.update(pool);
        self.ledger.pooled_session_closed();
    }

    fn pool_closed(&self, pool: &PoolStatus) {
        self.pools.update(pool);
    }
}
