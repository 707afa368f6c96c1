//! Metrics: the catalogue, the handles of its series, and recorders.
//!
//! [`catalogue`] is the one table of names, units and buckets. A [`sink`] registers handles with a
//! recorder, and a [`handle`] caches one. [`server`] has the handles of one server, [`process`]
//! those without a server, [`pools`] those of session pools.
//!
//! This module depends on no request, connection or span.

mod catalogue;
mod connection_counts;
mod handle;
mod metric;
#[cfg(feature = "opentelemetry")]
mod opentelemetry_handles;
#[cfg(feature = "opentelemetry")]
mod opentelemetry_recorder;
mod pools;
mod process;
#[cfg(feature = "prometheus")]
mod prometheus;
mod series;
pub(crate) mod server;
mod server_bodies;
mod server_connections;
mod servers;
mod sink;
mod templates;
mod upgraded;

pub use self::catalogue::catalogue;
pub use self::metric::{Metric, MetricKind, MetricUnit};
#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry_recorder::OpenTelemetryRecorder;
pub(crate) use self::pools::PoolMetrics;
pub(crate) use self::process::ProcessMetrics;
#[cfg(feature = "prometheus")]
pub use self::prometheus::with_catalogue_buckets;
pub(crate) use self::series::{End, SeriesKey};
pub(crate) use self::server::Server;
pub(crate) use self::servers::Servers;
pub use self::sink::MetricNames;
pub(crate) use self::sink::{LabelValue, Sink};
pub(crate) use self::templates::Templates;
pub(crate) use self::upgraded::{ByDirection, ByType, UpgradedMetrics};
