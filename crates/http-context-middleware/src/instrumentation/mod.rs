//! The observer that turns facts into spans, metrics and the ledger.

mod builder;
mod connections;
mod contexts;
mod install;
mod observer;
mod options;
mod plain;
mod propagate;
mod request_span;
mod requests;
mod upgrades;

use std::fmt;

pub use self::builder::InstrumentationBuilder;
use self::options::Options;
use crate::events::RateLimit;
use crate::ledger::Ledger;
use crate::metrics::{PoolMetrics, ProcessMetrics, Servers, Templates};
#[cfg(feature = "opentelemetry")]
use crate::span::OtelTracer;
#[cfg(feature = "opentelemetry")]
use crate::span::Spans;

/// Makes spans, metrics, log lines and the connection ledger of the sessions that it observes.
///
/// See the [crate's documentation](crate) for how to install it.
///
/// ```
/// use http_context_middleware::Instrumentation;
///
/// // For some contexts, in place of all: `Instrumentation::install`.
/// let instrumentation = Instrumentation::builder().build();
/// let jobs = http_context::builder().observer(instrumentation);
/// # drop(jobs);
/// ```
pub struct Instrumentation {
    options: Options,
    metrics: ProcessMetrics,
    pools: PoolMetrics,
    servers: Servers,
    templates: Templates,
    ledger: Ledger,
    log_rate: RateLimit,
    #[cfg(feature = "opentelemetry")]
    tracer: Option<OtelTracer>,
}

impl Instrumentation {
    fn new(
        options: Options,
        metrics: ProcessMetrics,
        pools: PoolMetrics,
        servers: Servers,
        templates: Templates,
        ledger: Ledger,
        log_rate: RateLimit,
    ) -> Self {
        #[cfg(feature = "opentelemetry")]
        let tracer = (options.spans == Spans::OpenTelemetry).then(OtelTracer::global);
        Self {
            options,
            metrics,
            pools,
            servers,
            templates,
            ledger,
            log_rate,
            #[cfg(feature = "opentelemetry")]
            tracer,
        }
    }

    /// The connections of the sessions that it observes.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl fmt::Debug for Instrumentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrumentation")
            .field("spans", &self.options.spans)
            .field("connections", &self.ledger.connections().len())
            .finish_non_exhaustive()
    }
}
