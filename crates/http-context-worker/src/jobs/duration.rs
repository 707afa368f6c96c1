//! How long attempts at jobs take, as a histogram.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Histogram, histogram};

/// Its Prometheus name in the telemetry catalogue, which describes it.
const NAME: &str = "http_context_worker_job_duration_seconds";

/// What became of a job by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptStatus {
    Ok,
    Failed,
    /// It failed, and the job is tried again.
    Retried,
}

impl AttemptStatus {
    /// The value of the label `status`.
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Retried => "retried",
        }
    }
}

/// The histograms of one kind, each made when it is first needed.
#[derive(Default)]
pub(crate) struct Durations([OnceLock<Histogram>; 3]);

impl Durations {
    /// Records an attempt at a job of this kind.
    pub(crate) fn record(&self, kind: &str, status: AttemptStatus, duration: Duration) {
        let histogram = self.0[status as usize].get_or_init(
            || histogram!(NAME, "status" => status.as_str(), "kind" => kind.to_owned()),
        );
        histogram.record(duration.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metric_is_in_the_catalogue() {
        let found = http_context_middleware::catalogue()
            .find(|metric| metric.prometheus_name == NAME)
            .unwrap();
        assert_eq!(found.attributes, ["status", "kind"]);
    }
}
