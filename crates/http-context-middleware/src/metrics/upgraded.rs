//! The handles of the upgraded connections to a server, of one protocol.

use http_context::{Direction, MessageType, UpgradeEndReason, UpgradeProtocol};
use metrics::{Counter, Gauge, Histogram};

use super::catalogue;
use super::handle::LazyByLabel;
use super::server::Server;
use super::sink::{Sink, label};
use crate::attribute::{DIRECTION, PROTOCOL, REASON, TYPE};

/// By [`Direction::ALL`], and by [`MessageType::ALL`] in it.
pub(crate) type ByDirection<T> = [T; Direction::ALL.len()];
pub(crate) type ByType<T> = [T; MessageType::ALL.len()];

/// The counters stand at zero with the first connection: Prometheus sees what that carries as an
/// increase only after a zero.
#[derive(Debug)]
pub(crate) struct UpgradedMetrics {
    pub(crate) connections: Gauge,
    pub(crate) bytes: ByDirection<Counter>,
    /// Of WebSockets alone.
    pub(crate) messages: Option<ByDirection<ByType<Counter>>>,
    durations: LazyByLabel<Histogram>,
    /// What `durations` are registered by.
    sink: Sink,
    labels: Vec<metrics::Label>,
}

impl UpgradedMetrics {
    pub(super) fn new(server: &Server, protocol: UpgradeProtocol) -> Self {
        let sink = server.sink.clone();
        let labels = server.labels_and(PROTOCOL, protocol.as_str());
        let bytes = std::array::from_fn(|direction| {
            let mut labels = labels.clone();
            labels.push(label(DIRECTION, Direction::ALL[direction].as_str()));
            at_zero(sink.counter(&catalogue::UPGRADED_BYTES, labels))
        });
        let message = |direction: usize, of: usize| {
            let mut labels = server.labels_and(DIRECTION, Direction::ALL[direction].as_str());
            labels.push(label(TYPE, MessageType::ALL[of].as_str()));
            at_zero(sink.counter(&catalogue::WEBSOCKET_MESSAGES, labels))
        };
        let messages = (protocol == UpgradeProtocol::WebSocket).then(|| {
            std::array::from_fn(|direction| std::array::from_fn(|of| message(direction, of)))
        });
        Self {
            connections: sink.gauge(&catalogue::UPGRADED_CONNECTIONS, labels.clone()),
            bytes,
            messages,
            durations: LazyByLabel::default(),
            sink,
            labels,
        }
    }

    pub(crate) fn duration(&self, reason: UpgradeEndReason) -> Histogram {
        let reason = reason.as_str();
        self.durations.get_or_take(reason, || {
            let mut labels = self.labels.clone();
            labels.push(label(REASON, reason));
            self.sink.histogram(&catalogue::UPGRADED_DURATION, labels)
        })
    }
}

/// OpenTelemetry exports no counter that was never added to.
fn at_zero(counter: Counter) -> Counter {
    counter.increment(0);
    counter
}
