//! The catalogue for `metrics-exporter-prometheus`.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::catalogue::catalogue;

/// Sets the buckets of every histogram of the catalogue. Without buckets the exporter makes
/// summaries.
///
/// ```
/// use http_context_middleware::with_catalogue_buckets;
/// use metrics_exporter_prometheus::PrometheusBuilder;
///
/// let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
/// ```
///
/// # Panics
///
/// Never: no histogram of the catalogue is without buckets.
pub fn with_catalogue_buckets(builder: PrometheusBuilder) -> PrometheusBuilder {
    catalogue()
        .filter(|metric| !metric.buckets.is_empty())
        .fold(builder, |builder, metric| {
            let matcher = Matcher::Full(metric.prometheus_name.to_owned());
            builder
                .set_buckets_for_metric(matcher, metric.buckets)
                .expect("the buckets are not empty")
        })
}
