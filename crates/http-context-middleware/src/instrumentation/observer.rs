//! The facts of the core, and where the instrumentation handles each.

use std::sync::Arc;

use http::{Extensions, HeaderMap};
use http_context::{
    AttemptAnswered, BodyEnd, ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionClosed,
    ConnectionInfo, ContextInfo, ExitReport, Leak, NameLookup, NestedOpen, Observer, PlainRequest,
    PoolCheckout, PoolCloseReason, PoolReturn, PoolSessionCreated, PoolStatus, PoolTimeout,
    QueueWait, Redirect, RequestError, RequestInfo, ResponseHead, SessionStarted, Upgrade,
    UpgradeEnd,
};

use super::Instrumentation;
use crate::events::{ContextEvent, log_slow_queue};
use crate::ledger::ConnectionGauge;
use crate::request::RequestState;
use crate::span::{ContextSpan, RequestSpan, TracingSetup};

impl Observer for Instrumentation {
    fn context_opened(&self, context: &ContextInfo) {
        self.metrics.context_opened();
        if let Some(span) = self.begin_context_span(context) {
            context.attach(span);
        }
    }

    fn nested_open(&self, context: &ContextInfo, nested: &NestedOpen) {
        self.metrics.nested_open(nested.policy);
        self.note_event(context, &ContextEvent::NestedOpen(nested));
    }

    fn context_closed(&self, context: &ContextInfo, report: &ExitReport) {
        self.metrics.context_closed(report);
        if let Some(span) = context.attached::<ContextSpan>() {
            span.close(report.outcome);
        }
    }

    fn session_opened(&self, _: &ContextInfo, session: &SessionStarted) {
        self.metrics.session_opened(session.source);
    }

    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) {
        self.start_request(request, head, extensions);
    }

    fn enter_request(&self, request: &RequestInfo) {
        if let Some(state) = request.attached::<RequestState>()
            && let Some(span) = &state.span
        {
            span.enter();
        }
    }

    fn exit_request(&self, request: &RequestInfo) {
        if let Some(state) = request.attached::<RequestState>()
            && state.span.is_some()
        {
            RequestSpan::exit();
        }
    }

    fn request_queued(&self, request: &RequestInfo) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let span = state.span.as_ref().filter(|_| self.options.queue_spans);
        state.queued(span.map(|span| span.waits(&*request.destination())));
    }

    fn request_dequeued(&self, request: &RequestInfo, wait: &QueueWait) {
        let waited = wait.duration;
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.dequeued();
        let host = request.destination();
        let server = self.servers.of(&host);
        server.time_in_queue(state.method).record(waited);
        if waited >= self.options.slow_queue {
            let places = (request.context().opened_at(), Some(request.call_site()));
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
            let host = request.destination();
            state.sending(self.servers.of(&host));
            self.propagate(request, state, headers);
        }
    }

    fn request_redirected(&self, request: &RequestInfo, _: &Redirect<'_>) {
        if let Some(state) = request.attached::<RequestState>() {
            state.server.redirects().increment(1);
        }
    }

    fn attempt_answered(&self, request: &RequestInfo, attempt: &AttemptAnswered) {
        let gauge = attempt.connection.attached::<Arc<ConnectionGauge>>();
        match (request.attached::<RequestState>(), gauge) {
            (Some(state), gauge) => {
                if let Some(idle) = attempt.idle {
                    state.server.connection_idle().record(idle);
                }
                if let Some(gauge) = gauge {
                    state.attempt_answered(gauge);
                }
            }
            // Its end will be told, too.
            (None, Some(gauge)) => gauge.answered(false),
            (None, None) => {}
        }
    }

    fn attempt_ended(&self, connection: &Arc<ConnectionInfo>) {
        if let Some(gauge) = connection.attached::<Arc<ConnectionGauge>>() {
            gauge.response_ended();
        }
    }

    fn response_headers(&self, request: &RequestInfo, headers: &HeaderMap) {
        let listed = &self.options.response_headers;
        if !listed.is_empty()
            && let Some(state) = request.attached::<RequestState>()
        {
            let shown = listed.attributes(headers);
            state.set_response_attributes(shown.collect());
        }
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.note_answer(request, head);
    }

    fn connection_upgraded(&self, request: &RequestInfo, upgrade: &Upgrade) {
        self.begin_upgrade(request, upgrade);
    }

    fn upgrade_progressed(&self, request: &RequestInfo, upgrade: &Upgrade) {
        Self::progress_upgrade(request, upgrade);
    }

    fn upgrade_ended(&self, request: &RequestInfo, end: &UpgradeEnd) {
        self.end_upgrade(request, end);
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

    fn name_resolved(&self, _: &RequestInfo, lookup: &NameLookup) {
        self.note_lookup(lookup);
    }

    fn connect_started(&self, request: &RequestInfo, connect: &ConnectStarted<'_>) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let by_tracing = self.options.connection_spans && self.options.spans.are_of_tracing();
        let setup = by_tracing.then(|| TracingSetup::begin(connect.origin));
        state.connect_started(connect.origin, setup);
    }

    fn connection_opened(&self, request: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        let state = request.attached::<RequestState>();
        let took = connection.create_duration;
        let setup = self.note_setup(state, &connection.origin, took, None);
        let known = self.connection_made(state, connection);
        if let Some(setup) = setup {
            let _ = known.setup.set(setup);
        }
        connection.attach(known);
    }

    fn connect_failed(&self, request: &RequestInfo, failure: &ConnectFailure<'_>) {
        let state = request.attached::<RequestState>();
        self.not_connected(state, failure.origin, failure.duration, failure.kind());
    }

    fn connect_abandoned(&self, request: &RequestInfo, abandoned: &ConnectAbandoned<'_>) {
        if let Some(state) = request.attached::<RequestState>() {
            state.connect_abandoned(abandoned.duration);
        }
    }

    fn plain_request_ended(&self, _: &ContextInfo, request: &PlainRequest<'_>) {
        self.note_plain_request(request);
    }

    fn plain_name_resolved(&self, _: &ContextInfo, lookup: &NameLookup) {
        self.note_lookup(lookup);
    }

    fn plain_connection_opened(&self, _: &ContextInfo, connection: &Arc<ConnectionInfo>) {
        let took = connection.create_duration;
        let setup = self.note_setup(None, &connection.origin, took, None);
        let known = self.connection_made(None, connection);
        if let Some(setup) = setup {
            let _ = known.setup.set(setup);
        }
        connection.attach(known);
    }

    fn plain_connect_failed(&self, _: &ContextInfo, failure: &ConnectFailure<'_>) {
        self.not_connected(None, failure.origin, failure.duration, failure.kind());
    }

    fn connection_closed(&self, connection: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {
        self.connection_ended(connection, closed);
    }

    fn leak(&self, context: &ContextInfo, leak: &Leak) {
        self.metrics.leaked(leak.kind, leak.count);
        self.note_event(context, &ContextEvent::Leak(leak, context.leak_policy()));
    }

    fn leak_resolved(&self, _: &ContextInfo, leak: &Leak) {
        self.metrics.leak_resolved(leak.kind, leak.count);
    }

    fn pool_wait_started(&self, pool: &PoolStatus) {
        self.pools.update(pool);
    }

    fn pool_wait_abandoned(&self, pool: &PoolStatus) {
        self.pools.update(pool);
    }

    fn pool_timed_out(&self, pool: &PoolStatus, timeout: &PoolTimeout) {
        self.pools.update(pool);
        self.pools.waited(timeout.waited);
        self.pools.timed_out();
    }

    fn pool_checked_out(&self, pool: &PoolStatus, checkout: &PoolCheckout) {
        self.pools.update(pool);
        self.pools.waited(checkout.waited);
    }

    fn pool_session_created(&self, pool: &PoolStatus, created: &PoolSessionCreated) {
        self.pools.update(pool);
        self.pools.created(created.duration);
    }

    fn pool_returned(&self, pool: &PoolStatus, returned: &PoolReturn) {
        self.pools.update(pool);
        self.pools.used(returned.used);
    }

    fn pool_session_closed(&self, pool: &PoolStatus, _: PoolCloseReason) {
        self.pools.update(pool);
    }

    fn pool_closed(&self, pool: &PoolStatus) {
        self.pools.update(pool);
    }
}
