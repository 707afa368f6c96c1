//! Connects and connections.

use std::sync::Arc;
use std::time::Duration;

use http_context::{ConnectionInfo, ErrorKind, Host, RequestInfo};

use super::Instrumentation;
use crate::ledger::{CloseReason, Connection, Use};
use crate::metrics::LabelValue;
use crate::request::RequestState;
use crate::span::{Link, TracingSetup};

impl LabelValue for CloseReason {
    fn value(self) -> &'static str {
        self.as_str()
    }
}

impl Instrumentation {
    pub(super) fn connection_made(
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

    pub(super) fn not_connected(
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
    pub(super) fn note_setup(
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
}
