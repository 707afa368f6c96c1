//! Cost: what a request, a context and a connection take, and what to turn off.
//!
//! All figures are those of the benchmarks of this repository (`benches/README.md`), which name the command that
//! measures each. Instructions are counted by callgrind and the same on every run; times are of one machine with
//! two cores and shift with it.
//!
//! # A request
//!
//! In instructions more than one of a bare `reqwest::Client` (62,000), over HTTP/1.1 on one connection:
//!
//! | around it | more |
//! |---|---:|
//! | a session, observed by nobody | 1,550 |
//! | the instrumentation, with neither a subscriber nor a recorder | 4,850 |
//! | metrics to Prometheus, the connection ledger, body tracking | 6,150 |
//! | the same, spans by the OpenTelemetry API, trace context sent | 13,600 |
//! | spans by `tracing` instead, with the layer as it comes | 29,500 |
//! | for comparison: `reqwest-tracing` and `reqwest-metrics`, no trace context sent | 65,900 |
//!
//! In time it is somewhat more than in instructions, since these touch code and data that are out of the first
//! cache by then. With 64 requests in flight the client runs 1.09 times as long for each as bare `reqwest` in a
//! session, 1.15 times with metrics, 1.33 times with spans by the OpenTelemetry API, and 1.47 times with those of a
//! layer of `tracing` that does nothing else; 1.63 times with the two crates of the last row.
//!
//! So the question that matters is how spans are made: by `Spans::OpenTelemetry` of `http-context-middleware`, or by
//! the detour through a layer of `tracing`, which costs three times as much. Of the options of a session a
//! `read_timeout` (3,450), a `request_timeout` (2,400) and a middleware of any kind (5,850) are the dearest, and
//! HTTP/1.1 alone spares 1,250.
//!
//! # A context
//!
//! | | |
//! |---|---|
//! | `http_session()` | 21 ns, no allocation |
//! | a nested `open` | no allocation |
//! | a context with its session, opened and closed | 3 µs |
//! | jobs of one request over TLS, a pooled session against a fresh client for each | 30 times as many |
//! | jobs of one request over TLS, a pooled session against one global client | 0.9 times as many |
//!
//! The last two rows are why a [`SessionPool`](crate::SessionPool) is worth its line: a fresh client reads the
//! trust store and shakes hands for each job.
//!
//! # Memory
//!
//! | | bytes |
//! |---|---:|
//! | an open context, lazy | 712 |
//! | an open context with its session | 4,962 |
//! | an idle connection, HTTP/1.1 | 28,947 |
//! | a request in flight, HTTP/2, its task included | 10,622 |
//!
//! What a request costs does not grow with the number of contexts (to 100,000) or connections (to 10,000). To
//! hosts that take turns, more than eight of them, it takes a fifth more: the URL of one that is not among the last
//! eight of its thread is parsed as a whole. From there on it does not grow (to 1,000 hosts).
//!
//! # What to turn off, and in which order
//!
//! 1. Use `Spans::OpenTelemetry`, or sample: a span that the sampler drops still costs 5,000.
//! 2. Give short jobs a pool.
//! 3. Take away middleware that a context's options can stand in for: base URL, credentials, cookies, time limits.
//! 4. [`LeakPolicy::Off`](crate::LeakPolicy::Off) spares the exit its search, and you the proof.
