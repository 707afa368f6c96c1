//! Upgraded connections, from their head to their end.

use http_context::{RequestInfo, ResponseHead, Upgrade, UpgradeEnd};
use reqwest::{Method, StatusCode};

use super::Instrumentation;
use crate::events::ContextEvent;
use crate::request::RequestState;
use crate::span::{Handshake, RequestSpan, Spans, TracingUpgrade, UpgradeBegin, UpgradeSpan};
use crate::upgrade::UpgradeState;

impl Instrumentation {
    /// Keeps what the span of an upgraded connection links to, which has to be known before the span of
    /// its request ends.
    pub(super) fn keep_handshake(
        &self,
        request: &RequestInfo,
        head: &ResponseHead,
        span: &RequestSpan,
    ) {
        let may_upgrade =
            head.status == StatusCode::SWITCHING_PROTOCOLS || *request.method() == Method::CONNECT;
        if self.options.upgrade_spans && may_upgrade {
            request.attach(Handshake(span.as_link()));
        }
    }

    pub(super) fn begin_upgrade(&self, request: &RequestInfo, upgrade: &Upgrade) {
        if request.attached::<RequestState>().is_none() {
            return;
        }
        let server = self
            .servers
            .of(&request.destination())
            .upgraded(upgrade.protocol);
        let span = self.begin_upgrade_span(request, upgrade);
        server.connections.increment(1);
        request.attach(UpgradeState::new(server, span));
    }

    fn begin_upgrade_span(&self, request: &RequestInfo, upgrade: &Upgrade) -> Option<UpgradeSpan> {
        if !self.options.upgrade_spans || self.options.spans == Spans::Off {
            return None;
        }
        let begin = UpgradeBegin {
            server: request.destination(),
            context: request.context().id(),
            connection: upgrade.connection.as_ref().map(|connection| connection.id),
            protocol: upgrade.protocol,
            handshake: request
                .attached::<Handshake>()
                .and_then(|Handshake(link)| link.as_ref()),
        };
        #[cfg(feature = "opentelemetry")]
        if let Some(tracer) = &self.tracer {
            return Some(UpgradeSpan::OpenTelemetry(tracer.upgrade(&begin)));
        }
        TracingUpgrade::begin(&begin).map(UpgradeSpan::Tracing)
    }

    pub(super) fn progress_upgrade(request: &RequestInfo, upgrade: &Upgrade) {
        if let Some(state) = request.attached::<UpgradeState>() {
            state.export(&upgrade.traffic);
        }
    }

    pub(super) fn end_upgrade(&self, request: &RequestInfo, end: &UpgradeEnd) {
        let Some(state) = request.attached::<UpgradeState>() else {
            return;
        };
        state.export(&end.traffic);
        state.metrics.duration(end.reason).record(end.duration);
        if let Some(span) = &state.span {
            span.end(end);
        }
        let event = ContextEvent::UpgradeEnd(request, end);
        self.note_event(request.context(), &event);
        // Last: who sees the gauge go down sees the rest.
        state.metrics.connections.decrement(1);
    }
}
