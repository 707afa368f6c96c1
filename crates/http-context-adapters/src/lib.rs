#![doc = include_str!("../README.md")]
//!
//! # Which way in
//!
//! An SDK that asks for a `reqwest_middleware::ClientWithMiddleware` gets one from
//! [`HttpSession::client`](http_context::HttpSession::client), and one that asks for a `tower` service
//! of `http` requests takes an [`HttpSession`](http_context::HttpSession) or an
//! [`AmbientSession`](http_context::AmbientSession) as it is. `reqwest-websocket` is of the former kind:
//! with its feature `middleware`, `session.client().get(url).upgrade()` opens a WebSocket that belongs to
//! the context. One that takes a `reqwest::Client` and nothing else gets a plain one from
//! [`HttpSession::reqwest_client`](http_context::HttpSession::reqwest_client), by which less is seen.
//! The others have a trait of their own:
//! [`SessionAdapter`] has those, one for each feature of this crate. Its requests go through the
//! session like any other: same connections, same limits, same facts, and the exit of the context
//! waits for their bodies.
//!
//! # Captured or ambient
//!
//! [`SessionAdapter::captured`] keeps the handle of one session: for a client that a job makes, uses
//! and drops. A client that outlives the job leaks the handle, and the exit says so.
//! [`SessionAdapter::ambient`] finds the session at each request: for a client that is made once and
//! used by many jobs.
//!
//! An SDK that sends in tasks of its own stands under no context there, since a context belongs to a
//! task. The documentation of each implementation on [`SessionAdapter`] says what that SDK does; where
//! it has such tasks, take [`AmbientSession::or`](http_context::AmbientSession::or) with a session
//! of a context that is open for as long as the client is:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use http_context::{AmbientSession, http_session};
//! use http_context_adapters::SessionAdapter;
//!
//! // In the context of the whole service:
//! let adapter = SessionAdapter::from(AmbientSession::or(http_session()?));
//! # drop(adapter); Ok(())
//! # }
//! ```
//!
//! # Options
//!
//! Timeouts, proxies, TLS and redirects are those of the session. What an SDK sets for a client that
//! it would make itself does nothing here, but where the documentation says so.
//!
//! # Each kind of SDK
//!
//! What to give to which SDK is [a page of the guide](http_context::guide::sdks).
//! Examples of whole SDKs, each of which is held against what its server counted, are in
//! `tests/sdks/tests/sdks`: `cargo xtask test --only sdks` runs them.
//!
//! | kind | way | example |
//! |---|---|---|
//! | axum: JSON, a streaming proxy | layer: `builder().http_layer()` | `axum_service.rs` |
//! | axum: server-sent events, ranges, WebSockets, clients that hang up | the same | `servers/` |
//! | tonic, as a client | service: `HttpSession`, `AmbientSession` | `tonic/mod.rs` |
//! | tonic, as a server | layer: `builder().http_layer()` | `tonic/gateway.rs` |
//! | `kube`: version, watch, exec | service, which it calls in a task of its own: `HttpSession`, or `AmbientSession::or` | `kube/mod.rs` |
//! | `octocrab` | the same | `octocrab.rs` |
//! | `async-openai`, with its feature `middleware` | service: `AmbientSession` | `async_openai.rs` |
//! | `reqwest-websocket`, with its feature `middleware` | `HttpSession::client` | `reqwest_websocket.rs` |
//! | `rig-core`, with `reqwest-middleware` of `rig-reqwest` | `HttpSession::client` | |
//! | `genai`, and others that take a `reqwest::Client` and nothing else | plain client: `HttpSession::reqwest_client` | `genai.rs` |
//! | `object_store` | [`SessionAdapter`] | `object_store.rs` |
//! | `aws-sdk-s3`, and all of AWS | [`SessionAdapter`] | `aws_sdk_s3.rs` |
//! | `oauth2` | [`SessionAdapter`] | `oauth2.rs` |
//! | `opentelemetry-otlp` over HTTP, without a span of its own | [`SessionAdapter`] with `Uninstrumented` | `opentelemetry_otlp.rs` |
//! | `apalis` | layer: `builder().layer()`, inside of `parallelize` | `apalis.rs` |
//! | `reqwest-tracing`, `http-cache-reqwest`, `reqwest-retry` | middleware of the context: `builder().with(…)` | `middleware.rs` |
//! | a library that depends on `http-context` alone, and its tests | [`http_session`](http_context::http_session), `#[http_context::test]` | `library.rs` |
//! | server-sent events, without an SDK | [`http_session`](http_context::http_session) | `crates/http-context/examples` |
//! | WebSockets, without an SDK | `HttpSession::websocket` | the module `websocket` of `http-context` |
//!
//! # Versions that clash
//!
//! What an SDK is given must be of the version that it was built with: `http` 1, `tower` 0.5, `reqwest`
//! 0.13, `reqwest-middleware` 0.5, OpenTelemetry 0.33. Two versions of a crate build side by side, and
//! the compiler then says that a type is not what it seems to be.
//!
//! | what | clashes | what to do |
//! |---|---|---|
//! | `oauth2` 5.0 | a client of its own, of `reqwest` 0.12 | `default-features = false`: it is not needed |
//! | `reqwest-eventsource` 0.6 | takes a `RequestBuilder` of `reqwest` 0.12 | `sse-stream` on the body of a response, as in the example of the core |
//! | `http-cache-reqwest` 0.16 | `reqwest-middleware` 0.4 | 1.0.0-alpha.10, pinned with `=` |
//! | `reqwest-tracing` 0.7 | carries trace context by OpenTelemetry up to 0.32 | none of its features: its spans are of `tracing`, and `http-context-middleware` carries the trace context |
//! | `object_store` 0.14 | with `aws`, `gcp` or `azure` a client of its own | `aws-base` and its like, with `aws-lc-rs` or `ring`, whichever the session has: without one there is nothing to sign with, which it says at the first request |
//! | `kube` 5, `octocrab` 0.54 | `ring` beside the provider of cryptography of the session | `default-features = false`: TLS is that of the session |
//! | `async-openai` 0.43 | TLS of its own | `default-features = false`, with `middleware` and the parts of the API that are called |
//! | `axum` 0.8, `reqwest-websocket` 0.6 | other versions of `tungstenite` than the session | nothing: no type of it goes from one to the other but text and bytes |
//! | `rig-core` 0.46, `rig-reqwest` 0.46 | ask for Rust 1.97 | 0.44 |
//! | whatever takes a client of `reqwest` 0.11 or 0.12, or `http` 0.2 | all of it | wait for its next release, or, where it has a trait for its transport, implement that by [`SessionAdapter::send`] |
//!
//! # Other SDKs
//!
//! [`SessionAdapter::send`] and the [`SendError`] that it gives are all that the adapters are made of.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapter;
#[cfg(feature = "aws-smithy")]
mod aws_smithy;
mod error;
#[cfg(feature = "oauth2")]
mod oauth2;
#[cfg(feature = "object-store")]
mod object_store;
#[cfg(feature = "opendal")]
mod opendal;
#[cfg(feature = "opentelemetry-http")]
mod opentelemetry_http;
#[cfg(any(feature = "oauth2", feature = "opentelemetry-http"))]
mod whole;

pub use adapter::SessionAdapter;
pub use error::SendError;
