//! The instrumentation of a program: one recorder for every metric, and the observer of every context.

mod asked;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
mod process;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_context_middleware::{Instrumentation, with_catalogue_buckets};
#[cfg(feature = "otlp")]
use http_context_middleware::{Propagation, Spans};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
#[cfg(feature = "otlp")]
use metrics_util::layers::FanoutBuilder;
use tokio::task::AbortHandle;
use tokio::time::{interval, timeout};

use crate::failure::Failure;
use crate::log::{self, LogFormat, LogLevel};
#[cfg(feature = "otlp")]
use crate::telemetry::otlp::Otlp;
use crate::telemetry::process::ProcessMetrics;

/// How often samples are moved from where they were recorded into their buckets. Between two moves
/// they take memory, one by one.
const UPKEEP_EVERY: Duration = Duration::from_secs(2);

/// How long the operating system may take to report sockets that were closed.
const CLOSES_REPORTED_WITHIN: Duration = Duration::from_millis(500);
/// How long the exporters may take for what is left at the end.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
/// The same after a signal, when somebody waits for the process to end.
const FLUSH_AFTER_SIGNAL_WITHIN: Duration = Duration::from_millis(700);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The telemetry of a program: metrics for Prometheus, traces and metrics over OTLP, and log lines with the
/// ids of their traces.
///
/// It is what [`Worker::main`](crate::Worker::main) installs, for programs that have no queue, or a `main`
/// of their own. Every context of the process is observed from then on, whoever opens it.
///
/// - **Prometheus**: [`metrics`](Self::metrics) renders what was recorded by the facade
///   [`metrics`](https://docs.rs/metrics), that of the program's own code included, with the buckets of the
///   catalogue; and, on Linux, of the process what Prometheus calls `process_*`: CPU time in whole seconds, memory, file
///   descriptors, threads, and when it began.
/// - **OTLP**: over HTTP (feature `otlp`) or gRPC (feature `otlp-grpc`), as soon as the standard `OTEL_*`
///   variables ask for it; a program without the feature that they ask for says so, and installs nothing. The
///   exporters have threads and clients of their own and are observed by nobody; a collector that is slow
///   or dead costs spans, which are counted, and no time.
/// - **Logs**: [`TelemetryBuilder::logs`]. A line from inside a context has the ids of its trace and its
///   span, when traces are exported.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use http_context_worker::{LogFormat, Telemetry};
///
/// # async fn serve() {}
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let telemetry = Telemetry::builder("shop")
///         .logs(LogFormat::Json, "shop=info,http_context=warn".parse()?)
///         .install()?;
///     serve().await;
///     if let Some(lost) = telemetry.flush(Duration::from_secs(5)).await {
///         eprintln!("{lost}");
///     }
///     Ok(())
/// }
/// ```
pub struct Telemetry {
    prometheus: PrometheusHandle,
    process: ProcessMetrics,
    instrumentation: Arc<Instrumentation>,
    upkeep: AbortHandle,
    #[cfg(feature = "otlp")]
    otlp: Otlp,
}

/// Says what [`Telemetry`] is to be installed.
#[derive(Debug)]
#[must_use = "a builder does nothing until the telemetry is installed"]
pub struct TelemetryBuilder {
    service: String,
    logs: Option<(LogFormat, LogLevel)>,
}

impl TelemetryBuilder {
    /// Writes log lines to standard error as well, where the process has no subscriber of `tracing` yet.
    pub fn logs(mut self, format: LogFormat, level: LogLevel) -> Self {
        self.logs = Some((format, level));
        self
    }

    /// Installs it: a recorder of `metrics`, an observer of every context, and for OTLP a tracer provider
    /// and propagators, all of them the process's. Once in a process, in a runtime.
    ///
    /// # Errors
    ///
    /// [`Failure::Telemetry`] when the process has a recorder or an observer already, and [`Failure::Otlp`]
    /// when nothing can be made of what the `OTEL_*` variables say, or a feature is missing for it.
    pub fn install(self) -> Result<Telemetry, Failure> {
        if let Some((format, level)) = self.logs {
            log::install(format, level);
        }
        Telemetry::of(&self.service)
    }
}

impl Telemetry {
    /// Installs the telemetry of a service with this name, without logs. The name is that of
    /// `service.name` where `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` give none.
    ///
    /// # Errors
    ///
    /// As [`TelemetryBuilder::install`].
    pub fn install(service: impl Into<String>) -> Result<Self, Failure> {
        Self::builder(service).install()
    }

    /// The telemetry of a service with this name.
    pub fn builder(service: impl Into<String>) -> TelemetryBuilder {
        TelemetryBuilder {
            service: service.into(),
            logs: None,
        }
    }

    fn of(service: &str) -> Result<Self, Failure> {
        #[cfg(not(feature = "otlp"))]
        asked::refuse(|name| std::env::var(name).ok())?;
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
        // Nothing is exported under it.
        #[cfg(not(feature = "otlp"))]
        let _ = service;
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
        let process = ProcessMetrics::install();
        let upkeep = tokio::spawn(keep_up(prometheus.clone(), process.clone())).abort_handle();
        Ok(Self {
            prometheus,
            process,
            instrumentation,
            upkeep,
            #[cfg(feature = "otlp")]
            otlp,
        })
    }

    /// Renders the metrics as they are when it is called, in Prometheus' text format. What
    /// [`Admin::new`](crate::Admin::new) wants.
    pub fn metrics(&self) -> impl Fn() -> String + Clone + Send + Sync + use<> + 'static {
        let (prometheus, process) = (self.prometheus.clone(), self.process.clone());
        move || {
            process.look();
            prometheus.render()
        }
    }

    /// The metrics after the last context has closed, in Prometheus' text format: waits up to half a second
    /// until the operating system has reported the sockets that went with it.
    pub async fn settled(&self) -> String {
        self.settle().await;
        self.process.look();
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

    /// Exports what is left, for so long at most, and ends the exporters. Returns a sentence about what no
    /// collector took, if there is any; without the feature `otlp` there is nothing to export.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way the exporters go on in threads of their own, and nobody says what they lose.
    #[cfg_attr(
        not(feature = "otlp"),
        allow(
            clippy::unused_async,
            reason = "the same call with and without exporters"
        )
    )]
    pub async fn flush(&self, within: Duration) -> Option<String> {
        #[cfg(feature = "otlp")]
        {
            if self.otlp.has_metrics() {
                self.process.look();
                self.settle().await;
            }
            self.otlp.flush(within).await
        }
        #[cfg(not(feature = "otlp"))]
        {
            let _ = within;
            None
        }
    }

    /// The same at the end of a run: in less time when a signal has ended it, and somebody waits.
    pub(crate) async fn flush_at_end(&self, interrupted: bool) -> Option<String> {
        self.flush(if interrupted {
            FLUSH_AFTER_SIGNAL_WITHIN
        } else {
            FLUSH_WITHIN
        })
        .await
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

/// Moves samples on, and looks at the process for those who do not ask for it: the exporter of OTLP.
async fn keep_up(prometheus: PrometheusHandle, process: ProcessMetrics) {
    let mut tick = interval(UPKEEP_EVERY);
    loop {
        tick.tick().await;
        prometheus.run_upkeep();
        process.look();
    }
}
