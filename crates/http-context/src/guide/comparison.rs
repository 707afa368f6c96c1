//! Comparison: what else there is, row by row, and what it does better.
//!
//! Each row names the version and the file that it was read in. Versions move: where a row is no longer true,
//! please say so.
//!
//! # In Rust
//!
//! | what | it does | here instead | it does better |
//! |---|---|---|---|
//! | a shared [`reqwest::Client`] (0.13.5, `src/async_impl/client.rs`: create one and reuse it) | one pool of connections for the process | one session for each job, warm ones by a [`SessionPool`](crate::SessionPool) | nothing to bind, nothing to learn; 1.1 times the jobs a second of a pooled session ([cost](super::cost)); WebAssembly, a blocking API, and unstable HTTP/3 (`src/lib.rs`) |
//! | | has no `close`: connections end when clients, requests and bodies are dropped, and nobody says when that is | [an exit](super::concepts#the-exit) that waits, cuts off, asks the kernel and reports | |
//! | | `pool_max_idle_per_host` bounds idle connections, not open ones | [`max_connections_per_host`](crate::SessionOptions::max_connections_per_host) bounds what is under way, with a queue that is measured | no request ever waits |
//! | `reqwest-middleware` (0.5.2, `src/client.rs`) | a chain of middleware around a client that you pass along | the same chain: its middleware is [ours](crate::SessionOptions::with), and a session is [its client](crate::HttpSession::client) | smaller; WebAssembly; initialisers for request builders (`src/req_init.rs`) |
//! | `reqwest-retry` (0.9.1, `src/middleware.rs`) | retries transient errors by a policy | nothing: use it as middleware of a session | all of it |
//! | `reqwest-tracing` (0.7.1, `src/middleware.rs`) | a span for each request, ended by a line after the `await`: one that is dropped gets neither a status nor a mark | a request ends once, also when it is dropped, times out or is cut off | a span of your own making by `ReqwestOtelSpanBackend`; thirteen versions of OpenTelemetry side by side, where ours knows one |
//! | `reqwest-metrics` (0.3.0, `src/lib.rs`) | three histograms, recorded after the `await`: a dropped request is in none | [a catalogue](https://docs.rs/http-context-middleware/latest/http_context_middleware/index.html#metrics) of requests, connections, slots, pools, contexts and leaks; one that is dropped is counted as cancelled | labels can be renamed (`MetricsMiddlewareBuilder`); three metrics are less to store |
//! | | the size of a response body is its `Content-Length`, or 0 | the bytes that were read | no body has to be wrapped |
//! | | `error.type` is the text of the error | a closed list, [`ErrorKind`](crate::ErrorKind) | |
//! | `hyper-util`'s `client::pool` (0.1.21, `src/client/pool`) | parts to compose a pool of: cache, singleton, map, negotiation between versions | the pool of `reqwest`, seen from outside | a pool exactly as you want it, over any connector and service; no guessing from outside |
//! | `tower-http`'s metrics (0.6.11, `src/metrics/in_flight_requests.rs`) | counts requests in flight by a guard that goes into the body | the same idea, for clients | for any `tower` service, servers included |
//! | `tokio-util`'s `TaskTracker` (0.7, `src/task/task_tracker.rs`) | waits for tasks | children of a context, which carry the session as well, and are told of when they outlive it | any tasks, without a context |
//! | `deadpool` (0.13.1) | a pool of objects | permits and warm sessions are in one | any object |
//! | `apalis` (1.0) | job engine: queues, workers, layers | [the worker](https://docs.rs/http-context-worker/latest/http_context_worker/index.html) is built on it; with [`layer`](crate::ContextBuilder::layer) you can go without ours | a page for its queues (`apalis-board`) |
//!
//! # In Python
//!
//! | what | it does | here instead | it does better |
//! |---|---|---|---|
//! | livekit's `http_context` (`livekit/agents` at 0071002, `livekit-agents/livekit/agents/utils/http_context.py`) | a context variable with a factory of an `aiohttp.ClientSession`: `http_session()` and `open()` | the same two words; [every call and option](super::from_aiohttp) | some 140 lines that are read in ten minutes; no task is ever unbound, since `asyncio` copies the context into each |
//! | | a session used after its job is made anew, and nobody closes it (`_new_session`) | [`ContextClosed`](crate::ContextClosed), and a leak that names the place | |
//! | | the exit makes a session to close it when there was none (`_close_http_ctx`) | a job without a request builds nothing | |
//! | | a nested `open` passes through, silently | counted, with both places, and by [a policy](crate::NestedPolicy) | |
//! | `aiohttp` (3.14.3, `aiohttp/tracing.py`) | `TraceConfig`: signals of requests, queue, DNS and connections | [`Observer`](crate::Observer), and a table of both on the page of `http-context-middleware` | sees headers and chunks being sent, and hits of its DNS cache, which `reqwest` shows to nobody |
//! | | warns of a session that was not closed when it is collected (`aiohttp/client.py`) | a leak at the exit, with where it was acquired | needs no exit |
//!
//! # When this is the wrong tool
//!
//! - One program, one client, few hosts, and nobody asks what is open: a shared client.
//! - WebAssembly, or no Tokio: `reqwest` alone.
//! - HTTP/3: its connections have no addresses to know them by, so of all this little is left.
//! - Blocking code: `reqwest::blocking` or `ureq`.
