//! The state of a server: its metric handles, each registered once, and its connection counts.

use std::sync::Arc;

use http_context::{ConnectionUse, UpgradeProtocol};
use metrics::{Counter, Gauge, Histogram, Label, SharedString};

use super::catalogue;
use super::connection_counts::ConnectionCounts;
use super::handle::{Lazy, LazyByLabel};
use super::metric::Metric;
use super::series::{Series, SeriesKey, SeriesTable};
use super::server_bodies::BodyHandles;
use super::sink::{Sink, label};
use super::upgraded::UpgradedMetrics;
use crate::attribute::{HTTP_REQUEST_METHOD, SERVER_ADDRESS, SERVER_PORT, SOURCE};
use crate::method::KnownMethod;
use crate::version::ProtocolVersion;

/// One `server.address` and `server.port`, or `_OTHER` for all beyond the cap.
///
/// Attached to each host of each session, so that a request finds it by a pointer.
#[derive(Debug)]
pub(crate) struct Server {
    pub(super) sink: Sink,
    pub(crate) address: Arc<str>,
    pub(crate) port: u16,
    /// The connections to it, and how many requests wait for a response.
    pub(crate) connections: ConnectionCounts,
    active_requests: [Lazy<Gauge>; KnownMethod::COUNT],
    time_in_queue: [Lazy<Histogram>; KnownMethod::COUNT],
    series: SeriesTable,
    pub(super) connections_active: Lazy<Gauge>,
    pub(super) connections_idle: Lazy<Gauge>,
    pub(super) connections_unknown: Lazy<Gauge>,
    pub(super) connection_duration: [Lazy<Histogram>; ProtocolVersion::COUNT + 1],
    pub(super) create_duration: LazyByLabel<Histogram>,
    pub(super) closed: LazyByLabel<Counter>,
    request_connections: [Lazy<Counter>; 3],
    pub(super) connection_requests: Lazy<Histogram>,
    pub(super) connection_idle: Lazy<Histogram>,
    aborted: Lazy<Counter>,
    redirects: Lazy<Counter>,
    pub(super) bodies: Lazy<Box<BodyHandles>>,
    /// Of WebSockets, and of others.
    upgraded: [Lazy<Arc<UpgradedMetrics>>; 2],
}

impl Server {
    pub(crate) fn new(sink: Sink, address: Arc<str>, port: u16) -> Self {
        Self {
            sink,
            address,
            port,
            connections: ConnectionCounts::default(),
            active_requests: Default::default(),
            time_in_queue: Default::default(),
            series: SeriesTable::default(),
            connections_active: Lazy::new(),
            connections_idle: Lazy::new(),
            connections_unknown: Lazy::new(),
            connection_duration: Default::default(),
            create_duration: LazyByLabel::default(),
            closed: LazyByLabel::default(),
            request_connections: Default::default(),
            connection_requests: Lazy::new(),
            connection_idle: Lazy::new(),
            aborted: Lazy::new(),
            redirects: Lazy::new(),
            bodies: Lazy::new(),
            upgraded: Default::default(),
        }
    }

    pub(crate) fn active_requests(&self, method: KnownMethod) -> &Gauge {
        self.active_requests[method.index()].get_or_take(|| {
            let labels = self.labels_and(HTTP_REQUEST_METHOD, method.as_str());
            self.sink.gauge(&catalogue::ACTIVE_REQUESTS, labels)
        })
    }

    pub(crate) fn time_in_queue(&self, method: KnownMethod) -> &Histogram {
        self.time_in_queue[method.index()].get_or_take(|| {
            let labels = self.labels_and(HTTP_REQUEST_METHOD, method.as_str());
            self.sink.histogram(&catalogue::TIME_IN_QUEUE, labels)
        })
    }

    pub(crate) fn record_duration(&self, key: &SeriesKey, seconds: f64) {
        self.record(key, &catalogue::REQUEST_DURATION, |s| &s.duration, seconds);
    }

    pub(crate) fn record_request_size(&self, key: &SeriesKey, bytes: u64) {
        let bytes = to_f64(bytes);
        self.record(
            key,
            &catalogue::REQUEST_BODY_SIZE,
            |s| &s.request_size,
            bytes,
        );
    }

    pub(crate) fn record_response_size(&self, key: &SeriesKey, bytes: u64) {
        let bytes = to_f64(bytes);
        self.record(
            key,
            &catalogue::RESPONSE_BODY_SIZE,
            |s| &s.response_size,
            bytes,
        );
    }

    fn record(
        &self,
        key: &SeriesKey,
        metric: &Metric,
        of: fn(&Series) -> &Lazy<Histogram>,
        value: f64,
    ) {
        let take = || self.sink.histogram(metric, key.labels(self.labels()));
        match self.series.get(key) {
            Some(series) => of(series).get_or_take(take).record(value),
            None => take().record(value),
        }
    }

    pub(crate) fn request_connections(&self, source: ConnectionUse) -> &Counter {
        let index = match source {
            ConnectionUse::New => 0,
            ConnectionUse::Reused => 1,
            _ => 2,
        };
        self.request_connections[index].get_or_take(|| {
            let labels = self.labels_and(SOURCE, source.as_str());
            self.sink.counter(&catalogue::REQUEST_CONNECTIONS, labels)
        })
    }

    pub(crate) fn aborted(&self) -> &Counter {
        self.aborted.get_or_take(|| {
            self.sink
                .counter(&catalogue::REQUESTS_ABORTED, self.labels())
        })
    }

    pub(crate) fn redirects(&self) -> &Counter {
        self.redirects
            .get_or_take(|| self.sink.counter(&catalogue::REDIRECTS, self.labels()))
    }

    pub(crate) fn upgraded(&self, protocol: UpgradeProtocol) -> Arc<UpgradedMetrics> {
        let index = usize::from(protocol != UpgradeProtocol::WebSocket);
        let known =
            self.upgraded[index].get_or_take(|| Arc::new(UpgradedMetrics::new(self, protocol)));
        Arc::clone(known)
    }

    pub(super) fn labels(&self) -> Vec<Label> {
        vec![
            label(
                SERVER_ADDRESS,
                SharedString::from(Arc::clone(&self.address)),
            ),
            label(SERVER_PORT, self.port.to_string()),
        ]
    }

    pub(super) fn labels_and(&self, name: &'static str, value: &'static str) -> Vec<Label> {
        let mut labels = self.labels();
        labels.push(label(name, value));
        labels
    }
}

#[allow(clippy::cast_precision_loss, reason = "no body has 2^52 bytes")]
fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}
