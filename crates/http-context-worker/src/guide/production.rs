//! Production: limits, timeouts, pools, shutdown, Kubernetes.
//!
//! # Limits and timeouts
//!
//! What is unlimited unless you say so is in bold: decide on it before the first bad day.
//!
//! | what | default | set by |
//! |---|---|---|
//! | requests under way to one origin | 50; others queue | `max_connections_per_host` |
//! | the wait in that queue | **none** | `queue_timeout` |
//! | making a connection | **none** | `connect_timeout` |
//! | a request, redirects and body included | **none** | `request_timeout` |
//! | silence within a response | **none** | `read_timeout` |
//! | the size of a response body | **none** | `max_response_body` |
//! | an idle connection | 120 s | `keep_alive` |
//! | redirects | 10 | `redirect` |
//! | the drain of a context | 5 s | `drain_timeout` |
//! | a context that is open for long | **not reported** | `overdue_after` |
//! | sessions of a pool | 32; idle 2 min, lifetime 30 min, a wait of 30 s | `SessionPool::builder()` |
//! | jobs at once in a worker | 50, and as many sessions | `--concurrency`, `--pool` |
//!
//! ```
//! use std::time::Duration;
//!
//! use http_context::{SessionOptions, SessionPool, builder};
//!
//! let session = SessionOptions::new()
//!     .connect_timeout(Duration::from_secs(3))
//!     .request_timeout(Duration::from_secs(30))
//!     .read_timeout(Duration::from_secs(10));
//! let pool = SessionPool::builder().session(session).max_size(50).build();
//! let jobs = builder()
//!     .pool(pool)
//!     .queue_timeout(Duration::from_secs(10))
//!     .max_response_body(16 * 1024 * 1024)
//!     .overdue_after(Duration::from_secs(300));
//! # drop(jobs);
//! ```
//!
//! An idle connection that the server closes first costs a failed request now and then: set `keep_alive` below the
//! idle limit of the server or of the balancer before it.
//!
//! # Pools
//!
//! As many sessions as jobs run at once: fewer, and jobs wait for one; more are never used. A slot is counted
//! for each session, so 50 sessions with 50 slots each can open 2,500 connections to a host: lower
//! `max_connections_per_host` where the host has a limit of its own.
//!
//! # Retries
//!
//! A worker retries a job (`--max-attempts`, a wait that doubles, `Retry-After` is obeyed); a middleware such as
//! `reqwest-retry` retries a request. One of both: with both, attempts multiply. A job that sends what must not be
//! sent twice says so with [`JobError::fatal`](crate::JobError::fatal).
//!
//! # Shutdown
//!
//! On SIGTERM a worker takes no more jobs, lets those under way go on for `--drain-timeout` (5 s), closes every
//! context, settles results, flushes the exporters and exits. A second signal ends it at once. What was not finished
//! runs again, here or in another process; no result is written twice.
//!
//! A service of your own does the same in this order: [`Admin::set_ready`](crate::Admin::set_ready)`(false)`, stop
//! accepting, wait for the server (each context ends with its response), close the pool, then
//! [`Telemetry::flush`](crate::Telemetry::flush). [`Signals`](crate::Signals) waits for the signal, and the example
//! `axum_service` is that program. Streams and WebSockets end by themselves where they listen to
//! [`closing`](http_context::closing).
//!
//! # Kubernetes
//!
//! `crates/http-context-worker/deploy/kubernetes` has manifests to start from. What matters in them:
//!
//! | | why |
//! |---|---|
//! | `terminationGracePeriodSeconds` above `--drain-timeout`, 45 for 30 | after the drain, results are settled and exporters flushed |
//! | `livenessProbe` on `/livez`, `readinessProbe` on `/readyz` | a worker that drains is alive and not ready |
//! | `--admin=0.0.0.0:9464` and a network policy | the default is loopback, which no probe reaches |
//! | `seccompProfile: RuntimeDefault` | sockets that somebody holds past the exit are then reported and not cut off, since `pidfd_getfd` is forbidden |
//! | a read-only root with `emptyDir` at `/tmp` | an embedded queue without `--state` lives there |
//! | a `StatefulSet` with a volume for each pod, where results go to files | a killed worker cuts its file to what was settled |
//! | one replica at least | jobs that wait for a further attempt are in no count that a scaler sees |
