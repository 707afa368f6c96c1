//! The instrumentation of the program: one recorder for every metric, and the observer of every
//! context.

#[cfg(feature = "otlp")]
pub(crate) mod otlp;

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "otlp")]
use http_context_middleware::Spans;
use http_context_middleware::{Instrumentation, Propagation, with_catalogue_buckets};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
#[cfg(feature = "otlp")]
use metrics_util::layers::FanoutBuilder;
use tokio::task::AbortHandle;
use tokio::time::{interval, timeout};

use crate::failure::Failure;
#[cfg(feature = "otlp")]
use crate::telemetry::otlp::Otlp;

/// How often samples are moved from where they were recorded into their buckets. Between two moves
/// they take memory, one by one.
const UPKEEP_EVERY: Duration = Duration::from_secs(2);

/// How long the operating system may take to report sockets that were closed.
const CLOSES_REPORTED_WITHIN: Duration = Duration::from_millis(500);
/// How long the exporters may take for what is left at the end.
#[cfg(feature = "otlp")]
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
/// The same after a signal, when somebody waits for the process to end.
#[cfg(feature = "otlp")]
const FLUSH_AFTER_SIGNAL_WITHIN: Duration = Duration::from_millis(700);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What is installed, for as long as the program runs.
pub(crate) struct Telemetry {
    prometheus: PrometheusHandle,
    instrumentation: Arc<Instrumentation>,
    upkeep: AbortHandle,
    #[cfg(feature = "otlp")]
    otlp: Otlp,
}

impl Telemetry {
    /// Makes a recorder the one of the process, and an instrumentation that records to it the
    /// observer of every context. Once in a process, in a runtime.
    ///
    /// # Errors
    ///
    /// [`Failure::Telemetry`] when the process has either already, and [`Failure::Otlp`] when the
    /// exporters cannot be made.
    pub(crate) fn install(service: &str) -> Result<Self, Failure> {
        let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
        let prometheus = recorder.handle();
        let builder = Instrumentation::builder();
        #[cfg(feature = "otlp")]
        let (otlp, builder) = {
            let otlp = Otlp::from_env(service)?;
            let spans = if otlp.has_traces() {
                Spans::OpenTelemetry
            } else {
                Spans::default()
            };
            (
                otlp,
                builder.spans(spans).propagation(Propagation::TraceContext),
            )
        };
        #[cfg(feature = "otlp")]
        let is_set = match otlp.recorder() {
            Some(bridge) => {
                let both = FanoutBuilder::default()
                    .add_recorder(recorder)
                    .add_recorder(bridge)
                    .build();
                metrics::set_global_recorder(both).is_ok()
            }
            None => metrics::set_global_recorder(recorder).is_ok(),
        };
        #[cfg(not(feature = "otlp"))]
        let is_set = metrics::set_global_recorder(recorder).is_ok();
        if !is_set {
            return Err(Failure::Telemetry(
                "the process has a metrics recorder already",
            ));
        }
        let instrumentation = builder
            .install()
            .map_err(|_| Failure::Telemetry("the process has an observer already"))?;
        let upkeep = tokio::spawn(keep_up(prometheus.clone())).abort_handle();
        Ok(Self {
            prometheus,
            instrumentation,
            upkeep,
            #[cfg(feature = "otlp")]
            otlp,
        })
    }

    /// Renders the metrics at any time.
    pub(crate) fn prometheus(&self) -> &PrometheusHandle {
        &self.prometheus
    }

    /// The metrics after the last context has closed, in Prometheus' text format.
    pub(crate) async fn settled(&self) -> String {
        self.settle().await;
        self.prometheus.render()
    }

    /// Waits, in bounded time, until the operating system has reported the sockets that went with the
    /// last context.
    async fn settle(&self) {
        let all_closed = async {
            let mut look = interval(LOOK_EVERY);
            while !self.instrumentation.ledger().connections().is_empty() {
                look.tick().await;
            }
        };
        // A socket that stays is counted as open, which is the truth.
        let _ = timeout(CLOSES_REPORTED_WITHIN, all_closed).await;
    }

    /// Exports what is left, in bounded time: less of it when a signal has ended the run. Returns a
    /// sentence about what was lost.
    #[cfg(feature = "otlp")]
    pub(crate) async fn flush(&self, interrupted: bool) -> Option<String> {
        if self.otlp.has_metrics() {
            self.settle().await;
        }
        let within = if interrupted {
            FLUSH_AFTER_SIGNAL_WITHIN
        } else {
            FLUSH_WITHIN
        };
        self.otlp.flush(within).await
    }

    /// There is nothing to export.
    #[cfg(not(feature = "otlp"))]
    #[expect(clippy::unused_async, reason = "the same signature as with exporters")]
    pub(crate) async fn flush(&self, _interrupted: bool) -> Option<String> {
        None
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
