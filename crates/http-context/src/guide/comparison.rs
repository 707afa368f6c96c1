//! Comparison: what else there is, row by row, and what it does better.
//!
//! Each section names the version and the file that it was read in. Versions move: where a row is no longer true,
//! please say so.
//!
//! # A shared client
//!
//! `reqwest` 0.13.5, `src/async_impl/client.rs` and `src/lib.rs`.
//!
//! | there | here |
//! |---|---|
//! | one pool of connections for the process: create one client and reuse it | one session for each job, warm ones by a [`SessionPool`](crate::SessionPool) |
//! | no `close`: connections end when clients, requests and bodies are dropped, and nobody says when that is | [an exit](super::concepts#the-exit) that waits, cuts off, asks the kernel and reports |
//! | `pool_max_idle_per_host` bounds idle connections, not open ones | [`max_connections_per_host`](crate::SessionOptions::max_connections_per_host) bounds what is under way, with a queue that is measured |
//!
//! **Better there:** nothing to bind and nothing to learn; 1.1 times the jobs a second of a pooled session
//! ([cost](super::cost)); WebAssembly, a blocking API, and HTTP/3, which is unstable.
//!
//! # `reqwest-middleware` and `reqwest-retry`
//!
//! 0.5.2, `src/client.rs` and `src/req_init.rs`; 0.9.1, `src/middleware.rs`.
//!
//! | there | here |
//! |---|---|
//! | a chain of middleware around a client that you pass along | the same chain: its middleware is [ours](crate::SessionOptions::with), and a session is [its client](crate::HttpSession::client) |
//! | retries of transient errors by a policy | nothing of that kind: add it to a session |
//!
//! **Better there:** smaller, in WebAssembly too, and initialisers for request builders. Retries are all theirs.
//!
//! # `reqwest-tracing`
//!
//! 0.7.1, `src/middleware.rs` and `src/reqwest_otel_span_builder.rs`.
//!
//! | there | here |
//! |---|---|
//! | what came of a request is recorded by a line after the `await`: one that is dropped gets neither a status nor a mark | a request ends once, also when it is dropped, times out or is cut off |
//! | a span covers the chain below it | a span of the wait for a slot and of the connection as well, where they are asked for |
//!
//! **Better there:** spans of your own making (`ReqwestOtelSpanBackend`), and thirteen versions of OpenTelemetry
//! side by side, where ours knows one.
//!
//! # `reqwest-metrics`
//!
//! 0.3.0, `src/lib.rs`.
//!
//! | there | here |
//! |---|---|
//! | three histograms, recorded after the `await`: a dropped request is in none | [a catalogue](https://docs.rs/http-context-middleware/latest/http_context_middleware/index.html#metrics) of requests, connections, slots, pools, contexts and leaks; one that is dropped has its duration as well |
//! | the size of a response body is its `Content-Length`, or 0 | the bytes that were read |
//! | `error.type` is a status or the text of the error | a status or one of a closed list, [`ErrorKind`](crate::ErrorKind) |
//!
//! **Better there:** labels can be renamed (`MetricsMiddlewareBuilder`), no body has to be wrapped, and three metrics
//! are less to store.
//!
//! # Parts of `hyper-util`, `tower-http` and `tokio-util`
//!
//! `hyper-util` 0.1.21, `src/client/pool`; `tower-http` 0.6.11, `src/metrics/in_flight_requests.rs`; `tokio-util`
//! 0.7, `src/task/task_tracker.rs`.
//!
//! | there | here |
//! |---|---|
//! | parts to compose a pool of: cache, singleton, map, negotiation between versions | the pool of `reqwest`, seen from outside |
//! | requests in flight, counted by a guard that goes into the body | the same idea, for clients |
//! | `TaskTracker` waits for tasks | children of a context, which carry the session, and are named when they outlive it |
//!
//! **Better there:** a pool exactly as you want it, over any connector and service, with no guessing from outside;
//! counts for any service, servers included; tasks without a context.
//!
//! # `apalis`
//!
//! `apalis-core` 1.0.0, `src/worker`.
//!
//! | there | here |
//! |---|---|
//! | queues, workers, layers | [the worker](https://docs.rs/http-context-worker/latest/http_context_worker/index.html) is built on it, and adds results that stand once, contexts, exporters and a command line |
//!
//! **Better there:** it is an engine for any job. With [`layer`](crate::ContextBuilder::layer) you have contexts in it
//! without our worker.
//!
//! # livekit's `http_context`, in Python
//!
//! `livekit/agents` at commit 0071002, `livekit-agents/livekit/agents/utils/http_context.py`.
//!
//! | there | here |
//! |---|---|
//! | `http_session()` and `open()`, over a context variable with a factory of an `aiohttp.ClientSession` | the same two words; [every call and option](super::from_aiohttp) |
//! | a session used after its job is made anew, and nobody closes it (`_new_session`) | [`ContextClosed`](crate::ContextClosed), and a leak that names the place |
//! | the exit makes a session to close it where there was none (`_close_http_ctx`) | a job without a request builds nothing |
//! | a nested `open` passes through, silently | counted, with both places, and by [a policy](crate::NestedPolicy) |
//!
//! **Better there:** some 140 lines that are read in ten minutes, and no task is ever unbound, since `asyncio` copies
//! the context into each.
//!
//! # `aiohttp`, in Python
//!
//! 3.14.3, `aiohttp/tracing.py`, `aiohttp/client.py` and `aiohttp/connector.py`.
//!
//! | there | here |
//! |---|---|
//! | `TraceConfig`: signals of requests, queue, DNS and connections | [`Observer`](crate::Observer); a table of both is [on the page of the instrumentation](https://docs.rs/http-context-middleware/latest/http_context_middleware/index.html#for-those-who-know-another-library) |
//! | a warning when a session or a connector that was not closed is collected | a leak at the exit, with where it was acquired |
//!
//! **Better there:** it sees headers and chunks being sent, and hits of its DNS cache, which `reqwest` shows to nobody.
//!
//! # When this is the wrong tool
//!
//! - One program, one client, few hosts, and nobody asks what is open: a shared client.
//! - WebAssembly, or no Tokio: `reqwest` alone.
//! - HTTP/3: its connections have no addresses to know them by, so of all this little is left.
//! - Blocking code: `reqwest::blocking`.
