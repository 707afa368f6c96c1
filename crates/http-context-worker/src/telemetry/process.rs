//! Figures of the process, by the names that Prometheus has for them.
//!
//! On Linux alone; elsewhere there are none.

#[cfg(all(target_os = "linux", not(http_context_no_linux)))]
use metrics_process::Collector;

/// Looks at the process and records what it sees.
#[derive(Clone)]
pub(super) struct ProcessMetrics {
    #[cfg(all(target_os = "linux", not(http_context_no_linux)))]
    collector: Collector,
}

impl ProcessMetrics {
    /// Describes them to the recorder that is installed.
    pub(super) fn install() -> Self {
        let metrics = Self {
            #[cfg(all(target_os = "linux", not(http_context_no_linux)))]
            collector: Collector::default(),
        };
        #[cfg(all(target_os = "linux", not(http_context_no_linux)))]
        metrics.collector.describe();
        metrics.look();
        metrics
    }

    pub(super) fn look(&self) {
        #[cfg(all(target_os = "linux", not(http_context_no_linux)))]
        self.collector.collect();
    }
}
