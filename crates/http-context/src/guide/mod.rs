//! The guide: pages on one subject each, in the order in which they are best read.
//!
//! | page | for |
//! |---|---|
//! | [First ten minutes](first_ten_minutes) | whoever has never seen a context |
//! | [Concepts](concepts) | the words, and one picture |
//! | [Libraries](libraries) | authors of plug-ins, and of wrappers of an API |
//! | [SDKs](sdks) | which SDK takes what; and [ambient or captured](ambient_or_captured): by which session its client sends |
//! | [Servers and job engines](https://docs.rs/http-context-worker/latest/http_context_worker/guide/servers/index.html) | axum, tonic and apalis |
//! | [WebSockets and streams](websockets_and_streams) | what goes on for long, and still ends with its context |
//! | [Testing for leaks](testing) | the macro, rstest, insta, nextest |
//! | [Telemetry](https://docs.rs/http-context-worker/latest/http_context_worker/guide/telemetry/index.html) | from one call at start-up to a panel of Grafana |
//! | [Production](https://docs.rs/http-context-worker/latest/http_context_worker/guide/production/index.html) | limits, timeouts, pools, shutdown, Kubernetes |
//! | [Sizing](https://docs.rs/http-context-worker/latest/http_context_worker/guide/sizing/index.html) | what a fleet asks of its servers, and where the knees are |
//! | [Platforms](platforms) | what builds where, and what can be known there |
//! | [Cost](cost) | what it takes, and what to turn off |
//! | [Troubleshooting](troubleshooting) | by the text of an error; and [of a worker, and by alert](https://docs.rs/http-context-worker/latest/http_context_worker/guide/troubleshooting/index.html) |
//! | Migration | [from `aiohttp` and livekit's module](from_aiohttp), [from a global `reqwest::Client`](from_reqwest) |
//! | [Questions](faq) | what comes up |
//! | [Comparison](comparison) | what else there is, and what it does better |
//!
//! Pages that need the worker's crate are in that one. All code on these pages is compiled, and run where that
//! shows something.

pub mod ambient_or_captured;
pub mod comparison;
pub mod concepts;
pub mod cost;
pub mod faq;
pub mod first_ten_minutes;
pub mod from_aiohttp;
pub mod from_reqwest;
pub mod libraries;
pub mod platforms;
pub mod sdks;
pub mod testing;
pub mod troubleshooting;
pub mod websockets_and_streams;
