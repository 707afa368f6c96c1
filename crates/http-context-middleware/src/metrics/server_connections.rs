//! The handles of the connections to a server.

use http_context::ErrorKind;
use metrics::{Counter, Histogram};

use super::catalogue;
use super::server::Server;
use super::sink::{LabelValue, label};
use crate::attribute::{ERROR_TYPE, HTTP_CONNECTION_STATE, NETWORK_PROTOCOL_VERSION, REASON};
use crate::version::ProtocolVersion;

impl Server {
    /// Moves the gauges of open connections: those with a request, without one, and those of plain
    /// clients.
    pub(crate) fn move_connections(&self, active: i64, idle: i64, unknown: i64) {
        for (state, by, gauge) in [
            ("active", active, &self.connections_active),
            ("idle", idle, &self.connections_idle),
            ("unknown", unknown, &self.connections_unknown),
        ] {
            if by == 0 {
                continue;
            }
            let gauge = gauge.get_or_take(|| {
                let labels = self.labels_and(HTTP_CONNECTION_STATE, state);
                self.sink.gauge(&catalogue::OPEN_CONNECTIONS, labels)
            });
            #[allow(clippy::cast_precision_loss, reason = "a step of a few connections")]
            gauge.increment(by as f64);
        }
    }

    pub(crate) fn connection_duration(&self, version: Option<ProtocolVersion>) -> &Histogram {
        let index = version.map_or(ProtocolVersion::COUNT, ProtocolVersion::index);
        self.connection_duration[index].get_or_take(|| {
            let mut labels = self.labels();
            labels.extend(version.map(|v| label(NETWORK_PROTOCOL_VERSION, v.as_str())));
            self.sink.histogram(&catalogue::CONNECTION_DURATION, labels)
        })
    }

    pub(crate) fn create_duration(&self, error: Option<ErrorKind>) -> Histogram {
        let value = error.map_or("", ErrorKind::as_str);
        self.create_duration.get_or_take(value, || {
            let mut labels = self.labels();
            labels.extend(error.map(|kind| label(ERROR_TYPE, kind.as_str())));
            self.sink
                .histogram(&catalogue::CONNECTION_CREATE_DURATION, labels)
        })
    }

    pub(crate) fn closed(&self, reason: impl LabelValue) -> Counter {
        let reason = reason.value();
        self.closed.get_or_take(reason, || {
            let labels = self.labels_and(REASON, reason);
            self.sink.counter(&catalogue::CONNECTIONS_CLOSED, labels)
        })
    }

    pub(crate) fn connection_requests(&self) -> &Histogram {
        self.connection_requests.get_or_take(|| {
            self.sink
                .histogram(&catalogue::CONNECTION_REQUESTS, self.labels())
        })
    }

    pub(crate) fn connection_idle(&self) -> &Histogram {
        self.connection_idle.get_or_take(|| {
            self.sink
                .histogram(&catalogue::CONNECTION_IDLE, self.labels())
        })
    }
}
