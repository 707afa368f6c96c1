//! Building and installing the instrumentation.

use std::sync::Arc;

use http_context::ObserverAlreadySet;

use super::Instrumentation;
use super::builder::InstrumentationBuilder;
use super::options::Options;
use crate::events::RateLimit;
use crate::ledger::Ledger;
use crate::metrics::{PoolMetrics, ProcessMetrics, Servers, Sink, Templates};

impl InstrumentationBuilder {
    /// Builds the instrumentation, the observer of a context by
    /// [`ContextBuilder::observer`](http_context::ContextBuilder::observer).
    pub fn build(self) -> Arc<Instrumentation> {
        let sink = Sink::new(self.recorder, self.metric_names);
        sink.describe();
        Arc::new(Instrumentation::new(
            Options {
                spans: self.spans,
                ..self.options
            },
            ProcessMetrics::new(sink.clone()),
            PoolMetrics::new(sink.clone()),
            Servers::new(sink, self.max_servers),
            Templates::new(self.max_templates),
            Ledger::default(),
            RateLimit::new(self.log_interval),
        ))
    }

    /// Builds the instrumentation, and makes it an observer of every context.
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

    /// Installs an instrumentation with the default options as an observer of every
    /// context.
    ///
    /// # Errors
    ///
    /// [`ObserverAlreadySet`] when the process has a default observer, which stays.
    pub fn install() -> Result<Arc<Self>, ObserverAlreadySet> {
        Self::builder().install()
    }
}
