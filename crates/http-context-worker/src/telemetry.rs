//! The instrumentation of the program: one recorder for every metric, and the observer of every
//! context.

use std::sync::Arc;
use std::time::Duration;

use http_context_middleware::{Instrumentation, with_catalogue_buckets};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::task::AbortHandle;
use tokio::time::{interval, timeout};

use crate::failure::Failure;

/// How often samples are moved from where they were recorded into their buckets. Between two moves
/// they take memory, one by one.
const UPKEEP_EVERY: Duration = Duration::from_secs(2);

/// How long the operating system may take to tell of sockets that were closed.
const CLOSES_TOLD_WITHIN: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What is installed, for as long as the program runs.
pub(crate) struct Telemetry {
    prometheus: PrometheusHandle,
    instrumentation: Arc<Instrumentation>,
    upkeep: AbortHandle,
}

impl Telemetry {
    /// Makes a recorder the one of the process, and an instrumentation that records to it the
    /// observer of every context. Once in a process, in a runtime.
    ///
    /// # Errors
    ///
    /// [`Failure::Telemetry`] when the process has either already.
    pub(crate) fn install() -> Result<Self, Failure> {
        let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
        let prometheus = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|_| Failure::Telemetry("the process has a metrics recorder already"))?;
        let instrumentation = Instrumentation::install()
            .map_err(|_| Failure::Telemetry("the process has an observer already"))?;
        let upkeep = tokio::spawn(keep_up(prometheus.clone())).abort_handle();
        Ok(Self {
            prometheus,
            instrumentation,
            upkeep,
        })
    }

    /// Renders the metrics at any time.
    pub(crate) fn prometheus(&self) -> &PrometheusHandle {
        &self.prometheus
    }

    /// The metrics after the last context has closed, in Prometheus' text format. Waits, in bounded
    /// time, until the operating system has told of the sockets that went with it.
    pub(crate) async fn settled(&self) -> String {
        let all_closed = async {
            let mut look = interval(LOOK_EVERY);
            while !self.instrumentation.ledger().connections().is_empty() {
                look.tick().await;
            }
        };
        // A socket that stays is told as open, which is the truth.
        let _ = timeout(CLOSES_TOLD_WITHIN, all_closed).await;
        self.prometheus.render()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

async fn keep_up(prometheus: PrometheusHandle) {
    let mut tick = interval(UPKEEP_EVERY);
    loop {
        tick.tick().await;
        prometheus.run_upkeep();
    }
}
