//! Connects and connections.

use std::sync::Arc;
use std::time::Duration;

use http_context::{CloseReason, ConnectionClosed, ConnectionInfo, ErrorKind, Origin};

use super::Instrumentation;
use crate::ledger::{ConnectionGauge, OpenedFor};
use crate::metrics::LabelValue;
use crate::request::RequestState;
use crate::span::{Link, TracingSetup};
use crate::version::ProtocolVersion;

impl LabelValue for CloseReason {
    fn value(self) -> &'static str {
        self.as_str()
    }
}

impl Instrumentation {
    pub(super) fn connection_made(
        &self,
        state: Option<&RequestState>,
        info: &ConnectionInfo,
    ) -> Arc<ConnectionGauge> {
        let server = self.servers.of(&info.origin);
        server.create_duration(None).record(info.create_duration);
        let ledger = self.ledger.mark();
        let open = |opened_for| Arc::new(ConnectionGauge::new(ledger, info, server, opened_for));
        match state {
            Some(state) => state.connected(open),
            None if info.plain.is_some() => open(OpenedFor::Plain),
            None => open(OpenedFor::Nobody),
        }
    }

    pub(super) fn connection_ended(&self, info: &ConnectionInfo, closed: &ConnectionClosed) {
        let Some(gauge) = info.attached::<Arc<ConnectionGauge>>() else {
            return;
        };
        let server = &gauge.server;
        server.closed(closed.reason).increment(1);
        let version = closed.version.map(ProtocolVersion::of);
        server.connection_duration(version).record(closed.duration);
        if info.plain.is_none() {
            #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            server.connection_requests().record(closed.requests as f64);
        }
        self.ledger.closed(info, gauge, closed);
        // Last: who sees the gauge go down sees the rest.
        gauge.closed();
    }

    pub(super) fn not_connected(
        &self,
        state: Option<&RequestState>,
        server: &Origin,
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
    pub(super) fn note_setup(
        &self,
        state: Option<&RequestState>,
        server: &Origin,
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
}
