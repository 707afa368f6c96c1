//! Building and installing the instrumentation.

use std::sync::Arc;

use http_context::ObserverAlreadySet;

use super::Instrumentation;
use super::builder::InstrumentationBuilder;
use super::options::Options;
use crate::events::RateLimit;
use crate::ledger::{ConnectionCloses, Ledger};
use crate::metrics::{PoolMetrics, ProcessMetrics, Servers, Sink, Templates};

impl InstrumentationBuilder {
    /// Builds the instrumentation, the observer of a context by
    /// [`ContextBuilder::observer`](http_context::ContextBuilder::observer).
    pub fn build(self) -> Arc<Instrumentation> {
        let sink = Sink::new(self.recorder, self.metric_names);
        sink.describe();
        let closes = self.closes.unwrap_or_else(default_closes);
        Arc::new(Instrumentation::new(
            Options {
                spans: self.spans,
                ..self.options
            },
            ProcessMetrics::new(sink.clone()),
            PoolMetrics::new(sink.clone()),
            Servers::new(sink, self.max_servers),
            Templates::new(self.max_templates),
            Ledger::start(closes),
            RateLimit::new(self.log_interval),
        ))
    }

    /// Builds the instrumentation, and makes it the observer of every context without one.
    ///
    /// Install recorders, tracer providers and propagators first.
    ///
    /// # Errors
    ///
    /// [`ObserverAlreadySet`] when the process has a default observer, which stays.
    pub fn install(self) -> Result<Arc<Instrumentation>, ObserverAlreadySet> {
        let instrumentation = self.build();
        http_context::set_default_observer(Arc::<Instrumentation>::clone(&instrumentation))?;
        Ok(instrumentation)
    }
}

impl Instrumentation {
    /// Options, with their defaults.
    pub fn builder() -> InstrumentationBuilder {
        InstrumentationBuilder::default()
    }

    /// Installs an instrumentation with the default options as the observer of every context
    /// without one.
    ///
    /// # Errors
    ///
    /// [`ObserverAlreadySet`] when the process has a default observer, which stays.
    pub fn install() -> Result<Arc<Self>, ObserverAlreadySet> {
        Self::builder().install()
    }
}

#[cfg(target_os = "linux")]
fn default_closes() -> Arc<dyn ConnectionCloses> {
    Arc::new(crate::ledger::KernelCloses)
}

#[cfg(not(target_os = "linux"))]
fn default_closes() -> Arc<dyn ConnectionCloses> {
    Arc::new(crate::ledger::NoCloses)
}
