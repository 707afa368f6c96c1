//! Figures of the process, by the names that Prometheus has for them.
//!
//! On Linux alone; elsewhere there are none.

#[cfg(target_os = "linux")]
use metrics_process::Collector;

/// Looks at the process and records what it sees.
#[derive(Clone)]
pub(super) struct ProcessMetrics {
    #[cfg(target_os = "linux")]
    collector: Collector,
}

impl ProcessMetrics {
    /// Describes them to the recorder that is installed.
    pub(super) fn install() -> Self {
        let metrics = Self {
            #[cfg(target_os = "linux")]
            collector: Collector::default(),
        };
        #[cfg(target_os = "linux")]
        metrics.collector.describe();
        metrics.look();
        metrics
    }

    pub(super) fn look(&self) {
        #[cfg(target_os = "linux")]
        self.collector.collect();
    }
}
