//! The start and the ends of a request.

use std::sync::Arc;

use http::Extensions;
use http_context::{
    BodyEnd, BodyEndReason, ConnectionUse, ErrorKind, RequestError, RequestInfo, ResponseHead,
};

use super::Instrumentation;
use super::request_span::size;
use crate::attribute;
use crate::extensions::{Uninstrumented, UrlTemplate, WithoutPropagation};
use crate::ledger::ConnectionGauge;
use crate::method::KnownMethod;
use crate::metrics::End;
use crate::propagation::Propagation;
use crate::request::RequestState;
use crate::span::{Head, NoHead};
use crate::upgrade::UpgradeState;
use crate::version::ProtocolVersion;

impl Instrumentation {
    pub(super) fn start_request(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) {
        if extensions.get::<Uninstrumented>().is_some() {
            return;
        }
        let server = self.servers.of(request.origin());
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
            self.options.propagation != Propagation::Off
                && extensions.get::<WithoutPropagation>().is_none(),
        ));
    }

    pub(super) fn note_answer(&self, request: &RequestInfo, head: &ResponseHead) {
        let connection = head
            .connection
            .as_ref()
            .and_then(|info| info.attached::<Arc<ConnectionGauge>>());
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let version = ProtocolVersion::of(head.version);
        let end = End::Answered(head.status, version);
        let had_attempts = state.answered(end, connection.cloned());
        if let Some(idle) = head.idle.filter(|_| !had_attempts) {
            state.server.connection_idle().record(idle);
        }
        let server = &state.server;
        server.active_requests(state.method).decrement(1);
        server.request_connections(head.connection_use).increment(1);
        let took = head.at.saturating_duration_since(request.started());
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
        self.keep_handshake(request, head, span);
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
            idle: head.idle,
            took,
            resends: request.resends(),
            more,
        });
    }

    pub(super) fn note_failure(&self, request: &RequestInfo, error: &RequestError) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let kind = if request.body_failed() {
            ErrorKind::RequestBody
        } else {
            error.kind()
        };
        // An exit closes the session, but so may a caller while the context is open.
        let is_ours = kind == ErrorKind::SessionClosed;
        // A connect timeout is an error of the request alone: the connect itself was abandoned.
        if kind == ErrorKind::Timeout
            && error.is_connect()
            && let Some((server, after)) = state.abandoned_connect()
        {
            self.not_connected(Some(state), &server, after, kind);
        }
        state.ended();
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

    pub(super) fn note_cancellation(request: &RequestInfo) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        state.ended();
        state.server.active_requests(state.method).decrement(1);
        let took = request.started().elapsed();
        let key = state.key(End::Cancelled);
        state.server.record_duration(&key, took.as_secs_f64());
        if let Some(span) = &state.span {
            span.ended(&NoHead::Cancelled);
        }
    }

    pub(super) fn note_body_end(request: &RequestInfo, end: &BodyEnd) {
        let Some(state) = request.attached::<RequestState>() else {
            return;
        };
        let is_whole = end.reason == BodyEndReason::Complete;
        let Some(head) = state.body_ended() else {
            return;
        };
        if end.reason == BodyEndReason::Aborted && request.context().is_closed() {
            state.server.aborted().increment(1);
        }
        // An upgraded connection has no body, and a body that is empty takes no time.
        let is_upgraded = end.bytes == 0 && request.attached::<UpgradeState>().is_some();
        if end.bytes > 0 || !(is_whole || is_upgraded) {
            let (server, method) = (&state.server, state.method);
            server
                .body_duration(method, end.reason)
                .record(end.duration);
            if let Some(first) = end.first_chunk {
                server.time_to_first_chunk(method).record(first);
            }
        }
        let sent = request.body_size();
        if !is_whole && sent.is_none() {
            return;
        }
        let key = state.key(head);
        if let Some(sent) = sent {
            state.server.record_request_size(&key, sent);
        }
        if is_whole && !is_upgraded {
            state.server.record_response_size(&key, end.bytes);
        }
    }
}
