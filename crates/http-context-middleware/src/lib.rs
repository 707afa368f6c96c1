#![doc = include_str!("../README.md")]
//!
//! Two examples show what comes of it: `cargo run -p http-context-middleware --example traces` prints spans,
//! `--features prometheus --example metrics` what Prometheus scrapes.
//!
//! # In libraries
//!
//! Depend on `http-context` alone, and make requests with `http_session()`. The program decides
//! what is recorded. A library that knows the routes of its URLs can depend on this crate and
//! annotate its requests: [`UrlTemplate`] names the route in spans and metrics, [`SpanAttributes`]
//! adds attributes to the span, [`WithoutPropagation`] sends a request without trace context, and
//! [`Uninstrumented`] switches the instrumentation off for it.
//!
//! # In executables
//!
//! 1. Install the backends: a recorder of the `metrics` facade, a `tracing` subscriber, an
//!    OpenTelemetry tracer provider and propagator. Each is optional; telemetry without a backend
//!    costs close to nothing.
//! 2. Then call [`Instrumentation::install`], or build one with its
//!    [options](Instrumentation::builder) and pass it to the contexts that it observes
//!    ([`ContextBuilder::observer`](http_context::ContextBuilder::observer)).
//! 3. From there to a dashboard of Grafana it is one page of the
//!    [guide](https://docs.rs/http-context-worker/latest/http_context_worker/guide/telemetry/index.html).
//!
//! Metric handles are registered when a series first occurs, and then cached: a recorder that is
//! installed later does not receive that series.
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
//! The `metrics` facade has one name for a metric. By default that is the Prometheus name, since
//! two of them do not follow from the OpenTelemetry name by rule; so `metrics-exporter-prometheus`
//! exports the names of the table below, and `OpenTelemetryRecorder` (feature `opentelemetry`)
//! exports the same metrics with their OpenTelemetry names, units and types. Another bridge gets
//! OpenTelemetry names with [`MetricNames::OpenTelemetry`].
//!
//! ## Ways to make spans
//!
//! [`Spans::Tracing`], the default, makes a `tracing` span for each request: subscribers and logs
//! see it, and `tracing-opentelemetry` exports it. `Spans::OpenTelemetry` (feature `opentelemetry`)
//! makes it directly with the OpenTelemetry API, as a child of the current `tracing` span, at less
//! than half of the cost; `tracing` does not see it. `Spans::Hybrid` makes it through `tracing`, and
//! sets what is known of the response past it. All have the same attributes, and all are
//! the current span while the request is polled. They end at the response head; when a request is
//! dropped, its span ends at once and without an error.
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
//! The connection of a request is known when its response head arrives. Until then the request
//! counts as being on an idle one, so that the numbers of `active` and `idle` connections are right
//! also with a server that is slow to answer. What the connections of a plain client
//! ([`HttpSession::reqwest_client`](http_context::HttpSession::reqwest_client)) are doing nobody sees:
//! their state is `unknown`, and so is the connection of its answers.
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
//! | `on_request_headers_sent` | `WroteHeaders` | `requestHeadersEnd` | not visible |
//! | `on_request_chunk_sent` | `WroteRequest` | `requestBodyEnd` | `http.client.request.body.size` |
//! | | `Got1xxResponse`, `Got100Continue` | | not visible |
//! | | `GotFirstResponseByte` | `responseHeadersStart` | not visible: the whole head is |
//! | `on_request_redirect` | | `followUpDecision` | `http_context.redirects` |
//! | `on_request_end` | | `responseHeadersEnd` | `http.client.request.duration`; the span ends |
//! | `on_response_chunk_received` | | `responseBodyEnd` | `http.client.response.body.size` |
//! | `on_request_exception` | | `callFailed`, `requestFailed`, `responseFailed` | `error.type` |
//! | | | `canceled` | a duration and a span without status and `error.type` |
//!
//! Not visible with `reqwest`: TCP and TLS apart from one another; the bytes on the wire, headers
//! included (body sizes are those of the content, after decompression by `reqwest`); when the last
//! byte of a request was sent; informational responses; which connection a hop that redirected was
//! on, where it is counted; and connections of Unix sockets, named pipes and HTTP/3, which have no addresses.
//!
//! # Secrets
//!
//! URLs are redacted by the [`Redaction`](http_context::Redaction) of their context, on spans, in
//! errors, logs and reports. No path and no query becomes a label of a metric. Only headers on the
//! allow-list are shown, and `Authorization`, `Cookie` and other secret ones never are.
//!
//! # Metrics
//!
#![doc = include_str!("metrics/catalogue.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod attribute;
mod events;
mod extensions;
mod headers;
mod instrumentation;
mod ledger;
mod method;
mod metrics;
mod propagation;
mod request;
mod span;
mod upgrade;
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
pub use self::propagation::Propagation;
pub use self::span::Spans;
#[cfg(feature = "opentelemetry")]
pub use self::span::span_context_of;
