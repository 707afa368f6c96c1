//! Telemetry, end to end: from one call at start-up to a panel of Grafana.
//!
//! # 1. Install
//!
//! A worker that is run by [`Worker::main`](crate::Worker::main) has done it. A service of your own does it once, in
//! its runtime:
//!
//! ```no_run
//! use http_context_worker::{Admin, Failure, LogFormat, Telemetry};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let telemetry = Telemetry::builder("shop")
//!         .logs(LogFormat::Json, "shop=info,http_context=warn".parse()?)
//!         .install()?;
//!     let admin = Admin::new("shop", telemetry.metrics());
//!     // Nest `admin.service()` in the router, and serve.
//!     # drop(admin);
//!     if let Some(lost) = telemetry.flush(std::time::Duration::from_secs(5)).await {
//!         return Err(Failure::Otlp(lost).into());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! From then on every context of the process is observed. A program with a recorder and a subscriber of its own
//! takes `http-context-middleware` alone:
//!
//! ```
//! # fn main() -> Result<(), http_context::ObserverAlreadySet> {
//! http_context_middleware::Instrumentation::install()?;
//! # Ok(())
//! # }
//! ```
//!
//! # 2. Look at it by hand
//!
//! ```console
//! $ http-context-worker demo --hold
//! $ curl -s http://127.0.0.1:42097/metrics | grep http_client_request_duration   # another terminal
//! ```
//!
//! `demo` prints the address of its admin page, which is another one each time. `/` is the live page for people, `/metrics` is for Prometheus,
//! `/debug/contexts` has live contexts and recent leaks, `/debug/latency` the quantiles of the last hour.
//!
//! # 3. Scrape
//!
//! ```yaml
//! scrape_configs:
//!   - job_name: http-context-worker
//!     static_configs:
//!       - targets: ["127.0.0.1:9464"]
//! rule_files:
//!   - dashboards/prometheus/*.rules.yml
//! ```
//!
//! The rules are recording rules, which the dashboards read, and alerts. The admin endpoint is on loopback unless
//! `--admin 0.0.0.0:9464` says otherwise.
//!
//! # 4. See
//!
//! Import `dashboards/grafana/*.json` into Grafana: *overview*, *connections and pool*, *contexts and leaks*. The
//! head of *overview*, over a quarter of an hour in which hosts had bad minutes:
//!
#![doc = include_str!("overview.html")]
//!
//! All of it on one machine, Redis, workers, Prometheus, Grafana and a collector, is `docker compose up` in
//! `crates/http-context-worker/deploy`.
//!
//! # 5. Traces
//!
//! They go out over OTLP as soon as the standard variables ask for it:
//!
//! ```console
//! $ export OTEL_SERVICE_NAME=shop OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
//! $ export OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.1
//! ```
//!
//! HTTP needs the feature `otlp`, which is on by default, and gRPC (port 4317) `otlp-grpc`. A span of a request has
//! the attributes of the OpenTelemetry conventions and, as `http_context.*`, its context, the wait for a slot and
//! whether its connection was new. Log lines from inside a context have `trace_id` and `span_id`.
//! The exporters' own requests are observed by nobody, and a collector that is dead costs spans and no time.
//!
//! # 6. From a number to the line of code
//!
//! | you see | next | ends at |
//! |---|---|---|
//! | the failure rate of a host | "Failures by kind" on *overview* | `error.type`, and the log line with its trace |
//! | a slow request | its trace: `HTTP wait_for_connection`, `HTTP connection_setup` | slots, handshakes, or the server |
//! | "Leaks still open" | `/debug/contexts` | file and line where it was opened and acquired |
//! | reuse that falls | "Connections closed, by reason" | who closes, and after how many requests |
//! | an alert | its entry in `dashboards/RUNBOOK.md` | a check and a fix |
//!
//! All names of metrics, with units and labels, are on
//! [the front page of the instrumentation](http_context_middleware#metrics).
