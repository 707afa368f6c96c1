//! Options of the instrumentation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use metrics::Recorder;

use super::options::Options;
use crate::extensions::SpanAttributes;
use crate::metrics::MetricNames;
use crate::propagation::Propagation;
use crate::span::Spans;

/// Options of an [`Instrumentation`](crate::Instrumentation), from
/// [`Instrumentation::builder`](crate::Instrumentation::builder).
///
/// ```
/// use std::time::Duration;
///
/// use http_context_middleware::Instrumentation;
///
/// # fn main() -> Result<(), http_context::ObserverAlreadySet> {
/// Instrumentation::builder()
///     .queue_spans(true)
///     .slow_queue(Duration::from_secs(1))
///     .max_servers(100)
///     .install()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` or `install` is called"]
pub struct InstrumentationBuilder {
    pub(super) spans: Spans,
    pub(super) metric_names: MetricNames,
    pub(super) recorder: Option<Arc<dyn Recorder + Send + Sync>>,
    pub(super) max_servers: usize,
    pub(super) max_templates: usize,
    pub(super) log_interval: Duration,
    pub(super) options: Options,
}

impl Default for InstrumentationBuilder {
    fn default() -> Self {
        Self {
            spans: Spans::default(),
            metric_names: MetricNames::default(),
            recorder: None,
            max_servers: 200,
            max_templates: 200,
            log_interval: Duration::from_secs(60),
            options: Options::default(),
        }
    }
}

impl InstrumentationBuilder {
    /// How spans are made. Default: [`Spans::Tracing`].
    pub fn spans(mut self, spans: Spans) -> Self {
        self.spans = spans;
        self
    }

    /// A span `HTTP connection_setup {host}:{port}` for each new connection, in a trace of its own;
    /// every request on the connection links to it. Default: off.
    pub fn connection_spans(mut self, on: bool) -> Self {
        self.options.connection_spans = on;
        self
    }

    /// A child span `HTTP wait_for_connection {host}:{port}` for each request that waits for a slot
    /// at its host. Default: off.
    pub fn queue_spans(mut self, on: bool) -> Self {
        self.options.queue_spans = on;
        self
    }

    /// A span `HTTP upgraded_connection {host}:{port}` for the life of each upgraded connection, such as
    /// a WebSocket, in a trace of its own that links to the request which upgraded it. Default: off.
    pub fn upgrade_spans(mut self, on: bool) -> Self {
        self.options.upgrade_spans = on;
        self
    }

    /// Adds the sizes of bodies to spans, where they are known in advance. Default: off. Needs
    /// feature `opentelemetry`.
    pub fn body_sizes_on_spans(mut self, on: bool) -> Self {
        self.options.body_sizes = on;
        self
    }

    /// Adds these request headers to spans, as `http.request.header.{name}`. Default: none.
    /// `Authorization`, `Cookie` and other secret headers are never exported. Needs feature
    /// `opentelemetry`.
    pub fn request_headers<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.options.request_headers.allow("request", names);
        self
    }

    /// As [`request_headers`](Self::request_headers), for the response.
    pub fn response_headers<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.options.response_headers.allow("response", names);
        self
    }

    /// Computes additional attributes for the span of each request. Called only when there is a
    /// span. Needs feature `opentelemetry`.
    pub fn span_attributes(
        mut self,
        attributes: impl Fn(&reqwest::Request, &Extensions) -> SpanAttributes + Send + Sync + 'static,
    ) -> Self {
        self.options.attributes = Some(Arc::new(attributes));
        self
    }

    /// Which trace context requests carry. Default: [`Propagation::Global`].
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.options.propagation = propagation;
        self
    }

    /// Excludes a host, by its name or address without the port, from propagation. May be called
    /// several times.
    ///
    /// Hosts are compared as in URLs: `Example.com.` is `example.com`, and `::1` is `[::1]`.
    /// Subdomains are hosts of their own. An invalid host, such as a URL, excludes all hosts.
    pub fn no_propagation_to(mut self, host: impl Into<String>) -> Self {
        self.options.excluded_hosts.add(&host.into());
        self
    }

    /// The names of metrics in the facade. Default: [`MetricNames::Prometheus`].
    pub fn metric_names(mut self, names: MetricNames) -> Self {
        self.metric_names = names;
        self
    }

    /// The recorder of metrics. Default: the global one of the `metrics` facade at the time when a
    /// series first occurs.
    pub fn recorder(mut self, recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// How many servers (addresses with their ports) get series of their own; the others are
    /// `_OTHER`. Default: 200.
    pub fn max_servers(mut self, cap: usize) -> Self {
        self.max_servers = cap;
        self
    }

    /// How many URL templates get series of their own; the others are `_OTHER`. Default: 200.
    pub fn max_url_templates(mut self, cap: usize) -> Self {
        self.max_templates = cap;
        self
    }

    /// Adds the attribute `dns.question.name` to `dns.lookup.duration`. Default: off, since the
    /// number of names has no bound.
    pub fn lookup_names(mut self, on: bool) -> Self {
        self.options.lookup_names = on;
        self
    }

    /// A request that waits this long for a slot is logged. Default: 1 s.
    pub fn slow_queue(mut self, threshold: Duration) -> Self {
        self.options.slow_queue = threshold;
        self
    }

    /// The same event at the same call site is logged at most once in this time. Default: 1 min.
    pub fn log_interval(mut self, interval: Duration) -> Self {
        self.log_interval = interval;
        self
    }
}

impl fmt::Debug for InstrumentationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstrumentationBuilder")
            .field("spans", &self.spans)
            .field("metric_names", &self.metric_names)
            .field("max_servers", &self.max_servers)
            .finish_non_exhaustive()
    }
}
