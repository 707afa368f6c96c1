//! Spans, metrics and a connection ledger for `http-context`.
//!
//! One call at start-up makes every session of the process observable, in the names of the
//! OpenTelemetry HTTP client conventions. What is said of connections is what the operating system
//! says of them.
//!
//! ```
//! use http_context_middleware::Instrumentation;
//! # fn main() -> Result<(), http_context::ObserverAlreadySet> {
//! Instrumentation::install()?;
//! # Ok(())
//! # }
//! ```
//!
//! # In libraries
//!
//! Depend on `http-context` alone, and make requests with `http_session()`. Whoever runs the
//! program decides what is recorded. A library that knows the shape of its URLs says so, with this
//! crate, on the request: [`UrlTemplate`] names the route in spans and metrics, [`SpanAttributes`]
//! adds to the span, [`WithoutPropagation`] keeps trace context away from one request, and
//! [`Uninstrumented`] leaves one out altogether.
//!
//! # In executables
//!
//! 1. Install what takes the telemetry: a recorder of the `metrics` facade, a `tracing` subscriber,
//!    an OpenTelemetry tracer provider and propagator. Any of them may be missing: what nobody
//!    takes costs close to nothing.
//! 2. Then call [`Instrumentation::install`], or build one with its
//!    [options](Instrumentation::builder) and hand it to the contexts that it is to observe
//!    ([`ContextBuilder::observer`](http_context::ContextBuilder::observer)).
//!
//! Metric handles are resolved when a series first occurs, and then kept: a recorder that is
//! installed after that is not seen.
//!
#![cfg_attr(feature = "prometheus", doc = "```")]
#![cfg_attr(not(feature = "prometheus"), doc = "```ignore")]
//! use http_context_middleware::{Instrumentation, with_catalogue_buckets};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let exporter = with_catalogue_buckets(PrometheusBuilder::new()).install_recorder()?;
//! let instrumentation = Instrumentation::install()?;
//! // Serve `exporter.render()` at `/metrics`; show `instrumentation.ledger().connections()`.
//! # Ok(())
//! # }
//! ```
//!
//! ## Prometheus and OpenTelemetry names
//!
//! The `metrics` facade knows one name for a metric. By default that is the Prometheus name, since
//! two of them do not follow from the OpenTelemetry name by rule; so `metrics-exporter-prometheus`
//! exports them as they stand in the table below, and `OpenTelemetryRecorder` (feature
//! `opentelemetry`) exports the same metrics with their OpenTelemetry names, units and types. A
//! bridge of someone else's gets OpenTelemetry names with [`MetricNames::OpenTelemetry`].
//!
//! ## Two ways to make spans
//!
//! [`Spans::Tracing`], the default, makes a `tracing` span for each request: subscribers and logs
//! see it, and `tracing-opentelemetry` exports it. `Spans::OpenTelemetry` (feature `opentelemetry`)
//! makes it straight with the OpenTelemetry API, as a child of the current `tracing` span, at less
//! than half of the cost; `tracing` does not see it. Both carry the same attributes, and both are
//! current while the request is worked on. They end at the response head; a request that is dropped
//! ends its span there and then, without an error.
//!
//! Give the subscriber a level filter such as `INFO`: HTTP libraries log each step of a request at
//! `TRACE`, and without a filter `tracing-opentelemetry` makes an event of each.
//!
//! # Connections
//!
//! `reqwest` shows neither who uses a connection nor when it closes. `http-context` finds out from
//! what can be seen: connectors being called, the addresses that come with each response, responses
//! that announce a close, and the kernel, which announces on Linux every socket that it destroys
//! ([`http_context::KernelCloses`]; it takes no privilege, and one thread of the process). Elsewhere
//! the reason of most closes is `unknown` and their time is the end of the session. The [`Ledger`]
//! shows the connections.
//!
//! Which connection a request is on is known when its response head arrives. Until then it counts
//! as being on one of the idle ones, so `active` and `idle` are right in number also with a server
//! that is slow to answer.
//!
//! # For those who know another library
//!
//! | aiohttp `TraceConfig` | Go `httptrace` | OkHttp `EventListener` | here |
//! |---|---|---|---|
//! | `on_request_start` | | `callStart` | span begins; `http.client.active_requests` |
//! | `on_connection_queued_start`, `_end` | `GetConn` | `dispatcherQueueStart`, `End` | `http.client.request.time_in_queue`; span `HTTP wait_for_connection` |
//! | `on_dns_resolvehost_start`, `_end` | `DNSStart`, `DNSDone` | `dnsStart`, `dnsEnd` | `dns.lookup.duration` |
//! | `on_connection_create_start`, `_end` | `ConnectStart`, `ConnectDone`, `TLSHandshakeStart`, `TLSHandshakeDone` | `connectStart`, `secureConnectStart`, `secureConnectEnd`, `connectEnd`, `connectFailed` | `http_context.connection.create.duration`; span `HTTP connection_setup` |
//! | `on_connection_reuseconn` | `GotConn` (`Reused`, `WasIdle`, `IdleTime`) | `connectionAcquired` | `http_context.request.connection`, `http_context.connection.idle`; the attributes `http_context.connection.*` |
//! | | `PutIdleConn` | `connectionReleased` | `http.client.open_connections` |
//! | `on_request_headers_sent` | `WroteHeaders` | `requestHeadersEnd` | cannot be seen |
//! | `on_request_chunk_sent` | `WroteRequest` | `requestBodyEnd` | `http.client.request.body.size` |
//! | | `Got1xxResponse`, `Got100Continue` | | cannot be seen |
//! | | `GotFirstResponseByte` | `responseHeadersStart` | cannot be seen: the whole head is |
//! | `on_request_redirect` | | `followUpDecision` | `http_context.redirects` |
//! | `on_request_end` | | `responseHeadersEnd` | `http.client.request.duration`; the span ends |
//! | `on_response_chunk_received` | | `responseBodyEnd` | `http.client.response.body.size` |
//! | `on_request_exception` | | `callFailed`, `requestFailed`, `responseFailed` | `error.type` |
//! | | | `canceled` | a duration and a span without status and `error.type` |
//!
//! What `reqwest` cannot show: TCP and TLS apart from one another; the bytes on the wire, and
//! headers in them (body sizes are those of the content, decompressed where `reqwest` does that);
//! when the request's last byte left; informational responses; the connection of a hop that
//! redirected; and connections of Unix sockets, named pipes and HTTP/3, which have no addresses.
//!
//! # Secrets
//!
//! URLs are redacted by the [`Redaction`](http_context::Redaction) of their context, on spans, in
//! errors, logs and reports. No path and no query becomes a metric's label. No header is shown that
//! was not asked for, and `Authorization`, `Cookie` and their like never are.
//!
//! # Metrics
//!
#![doc = include_str!("metrics/catalogue.md")]

pub mod attribute;
mod events;
mod extensions;
mod headers;
mod instrumentation;
#[allow(
    dead_code,
    unused_imports,
    reason = "its counts of connections stand in `metrics` now, below it"
)]
mod ledger;
mod method;
mod metrics;
mod propagation;
mod request;
mod span;
mod version;

pub use self::extensions::{
    AttributeValue, SpanAttribute, SpanAttributes, Uninstrumented, UrlTemplate, WithoutPropagation,
};
pub use self::instrumentation::{Instrumentation, InstrumentationBuilder};
pub use self::ledger::{ConnectionRecord, ConnectionState, Ledger};
#[cfg(feature = "opentelemetry")]
pub use self::metrics::OpenTelemetryRecorder;
#[cfg(feature = "prometheus")]
pub use self::metrics::with_catalogue_buckets;
pub use self::metrics::{Metric, MetricKind, MetricNames, MetricUnit, catalogue};
pub use self::span::Spans;
#[cfg(feature = "opentelemetry")]
pub use self::span::span_context_of;
